-- Revert phone_manager:idempotency_keys from pg

begin;
set local role pm_owner;

drop table core.idempotency_keys;

commit;
