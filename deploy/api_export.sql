-- Deploy phone_manager:api_export to pg
-- requires: validation
-- requires: audit
-- requires: devices_with_last_location
-- requires: locations

begin;
set local role pm_owner;

\ir ../sql/functions/api/begin_export.sql
\ir ../sql/functions/api/export_head.sql
\ir ../sql/functions/api/export_page.sql

commit;
