-- Deploy phone_manager:erasure to pg
-- requires: devices
-- requires: validation
-- requires: audit

begin;
set local role pm_owner;

\ir ../sql/functions/core/require_device.sql
\ir ../sql/functions/core/erase_device.sql
\ir ../sql/functions/core/delete_inactive_devices.sql

commit;
