-- Deploy phone_manager:group_limit to pg
-- requires: settings
-- requires: devices

begin;
set local role pm_owner;

\ir ../sql/functions/core/require_place.sql

commit;
