-- Deploy phone_manager:uploads to pg
-- requires: validation
-- requires: locations

begin;
set local role pm_owner;

\ir ../sql/schema/point_columns.sql
\ir ../sql/functions/core/parse_points.sql
\ir ../sql/functions/core/point_rows.sql
\ir ../sql/functions/core/store_locations.sql

commit;
