-- Deploy phone_manager:locations to pg
-- requires: devices

begin;
set local role pm_owner;

\ir ../sql/schema/locations.sql

commit;
