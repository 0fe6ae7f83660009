-- Revert phone_manager:api_register_device from pg

begin;
set local role pm_owner;

drop function api.register_device(jsonb);

commit;
