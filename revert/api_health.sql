-- Revert phone_manager:api_health from pg

begin;
set local role pm_owner;

drop function api.health();

commit;
