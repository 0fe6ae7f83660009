-- Revert phone_manager:admin_help from pg

begin;
set local role pm_owner;

drop function admin.help();

commit;
