-- Deploy phone_manager:admin_settings to pg
-- requires: change_setting

begin;
set local role pm_owner;

\ir ../sql/functions/admin/show_settings.sql
\ir ../sql/functions/admin/set_setting.sql

commit;
