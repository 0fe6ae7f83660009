-- Revert phone_manager:devices_with_last_location from pg

begin;
set local role pm_owner;

drop view core.devices_with_last_location;

commit;
