-- Deploy phone_manager:admin_devices to pg
-- requires: admin_api_keys
-- requires: erasure
-- requires: locks
-- requires: group_limit
-- requires: api_deactivate_device

begin;
set local role pm_owner;

\ir ../sql/functions/admin/list_groups.sql
\ir ../sql/functions/admin/list_devices.sql
\ir ../sql/functions/admin/recent_points.sql
\ir ../sql/functions/admin/move_device.sql
\ir ../sql/functions/admin/deactivate_device.sql
\ir ../sql/functions/admin/reactivate_device.sql
\ir ../sql/functions/admin/erase_device.sql
\ir ../sql/functions/admin/delete_inactive_devices.sql

commit;
