-- Revert phone_manager:api_delete_inactive_devices from pg

begin;
set local role pm_owner;

drop function api.delete_inactive_devices(jsonb, jsonb);

commit;
