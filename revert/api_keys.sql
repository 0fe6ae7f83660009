-- Revert phone_manager:api_keys from pg

begin;
set local role pm_owner;

drop table core.api_keys;

commit;
