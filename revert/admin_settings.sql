-- Revert phone_manager:admin_settings from pg

begin;
set local role pm_owner;

drop function admin.set_setting(text, bigint);
drop function admin.show_settings();

commit;
