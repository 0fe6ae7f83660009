-- Revert phone_manager:api_erase_device from pg

begin;
set local role pm_owner;

drop function api.erase_device(jsonb, jsonb);

commit;
