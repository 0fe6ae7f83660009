-- Revert phone_manager:api_admit from pg

begin;
set local role pm_owner;

drop function api.admit(bytea, text, integer, integer, bigint);

commit;
