-- Deploy phone_manager:change_setting to pg
-- requires: settings
-- requires: audit

begin;
set local role pm_owner;

\ir ../sql/functions/core/setting_range.sql
\ir ../sql/functions/core/change_setting.sql

commit;
