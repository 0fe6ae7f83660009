-- Deploy phone_manager:devices to pg
-- requires: domains

begin;
set local role pm_owner;

\ir ../sql/schema/devices.sql

commit;
