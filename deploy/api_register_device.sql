-- Deploy phone_manager:api_register_device to pg
-- requires: validation
-- requires: devices
-- requires: locks
-- requires: group_limit

begin;
set local role pm_owner;

\ir ../sql/functions/api/register_device.sql

commit;
