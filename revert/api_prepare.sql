-- Revert phone_manager:api_prepare from pg

begin;
set local role pm_owner;

drop function api.prepare(jsonb);

commit;
