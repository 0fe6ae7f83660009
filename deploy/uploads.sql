-- Deploy phone_manager:uploads to pg
-- requires: clock_and_text
-- requires: locations

begin;
set local role pm_owner;

\ir ../sql/functions/core/points.sql
\ir ../sql/functions/core/store_locations.sql

commit;
