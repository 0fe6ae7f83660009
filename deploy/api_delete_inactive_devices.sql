-- Deploy phone_manager:api_delete_inactive_devices to pg
-- requires: erasure

begin;
set local role pm_owner;

\ir ../sql/functions/api/delete_inactive_devices.sql

commit;
