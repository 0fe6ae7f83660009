-- Revert phone_manager:devices from pg

begin;
set local role pm_owner;

drop table core.devices;

commit;
