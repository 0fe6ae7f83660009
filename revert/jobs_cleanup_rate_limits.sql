-- Revert phone_manager:jobs_cleanup_rate_limits from pg

begin;
set local role pm_owner;

drop procedure jobs.cleanup_rate_limits();
drop function jobs.cleanup_rate_limits_step(jsonb);

commit;
