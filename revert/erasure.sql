-- Revert phone_manager:erasure from pg

begin;
set local role pm_owner;

drop function core.delete_inactive_devices(bigint, jsonb, interval);
drop function core.erase_device(uuid, jsonb);
drop function core.require_device(uuid);

commit;
