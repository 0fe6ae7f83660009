-- Deploy phone_manager:api_erase_device to pg
-- requires: erasure

begin;
set local role pm_owner;

\ir ../sql/functions/api/erase_device.sql

commit;
