-- Revert phone_manager:change_setting from pg

begin;
set local role pm_owner;

drop function core.change_setting(text, text);
drop function core.setting_range(text);

commit;
