-- Deploy phone_manager:uploads to pg
-- requires: validation
-- requires: locations

begin;
set local role pm_owner;

\ir ../sql/schema/point_columns.sql
\ir ../sql/functions/core/read_points.sql
\ir ../sql/functions/core/parse_points.sql
\ir ../sql/functions/core/batch_error.sql
\ir ../sql/functions/core/upload_answer.sql
\ir ../sql/functions/core/store_points.sql
\ir ../sql/functions/core/store_locations.sql
\ir ../sql/functions/core/store_together.sql

commit;
