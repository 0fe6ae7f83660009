-- Deploy phone_manager:api_list_devices to pg
-- requires: validation
-- requires: devices_with_last_location

begin;
set local role pm_owner;

\ir ../sql/functions/core/group_listing.sql
\ir ../sql/functions/api/list_devices.sql
\ir ../sql/functions/api/list_devices_many.sql

commit;
