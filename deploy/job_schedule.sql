-- Deploy phone_manager:job_schedule to pg
-- requires: jobs_ensure_partitions
-- requires: jobs_cleanup_locations

begin;

\ir ../sql/schema/job_schedule.sql

commit;
