-- Revert phone_manager:jobs_cleanup_idempotency_keys from pg

begin;
set local role pm_owner;

drop procedure jobs.cleanup_idempotency_keys();
drop function jobs.cleanup_idempotency_keys_step(jsonb);

commit;
