-- Revert phone_manager:settings from pg

begin;
set local role pm_owner;

drop table core.settings;

commit;
