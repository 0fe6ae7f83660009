-- Deploy phone_manager:devices_with_last_location to pg
-- requires: clock_and_text
-- requires: settings
-- requires: devices

begin;
set local role pm_owner;

\ir ../sql/schema/devices_with_last_location.sql

commit;
