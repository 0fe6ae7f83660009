-- Revert phone_manager:admin_devices from pg

begin;
set local role pm_owner;

drop function admin.delete_inactive_devices(bigint);
drop function admin.erase_device(uuid);
drop function admin.reactivate_device(uuid);
drop function admin.deactivate_device(uuid);
drop function admin.move_device(uuid, text);
drop function admin.recent_points(uuid, timestamptz, integer);
drop function admin.list_devices(text, text, boolean, uuid, integer);
drop function admin.list_groups(text, text, integer);

commit;
