-- Deploy phone_manager:devices to pg
-- requires: clock_and_text

begin;
set local role pm_owner;

\ir ../sql/schema/devices.sql

commit;
