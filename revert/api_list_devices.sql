-- Revert phone_manager:api_list_devices from pg

begin;
set local role pm_owner;

drop function api.list_devices_many(jsonb[]);
drop function api.list_devices(jsonb);
drop function core.group_listing(text);

commit;
