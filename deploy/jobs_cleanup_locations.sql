-- Deploy phone_manager:jobs_cleanup_locations to pg
-- requires: partitions
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/cleanup_locations_step.sql
\ir ../sql/functions/jobs/cleanup_locations.sql

commit;
