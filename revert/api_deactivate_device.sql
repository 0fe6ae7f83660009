-- Revert phone_manager:api_deactivate_device from pg

begin;
set local role pm_owner;

drop function api.deactivate_device(jsonb);

commit;
