-- Revert phone_manager:admin_settings from pg

begin;
set local role pm_owner;

drop function admin.set_setting(text, integer);
drop function admin.show_settings();

commit;
