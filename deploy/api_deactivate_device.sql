-- Deploy phone_manager:api_deactivate_device to pg
-- requires: validation
-- requires: devices

begin;
set local role pm_owner;

\ir ../sql/functions/api/deactivate_device.sql

commit;
