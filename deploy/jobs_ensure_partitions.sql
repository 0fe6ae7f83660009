-- Deploy phone_manager:jobs_ensure_partitions to pg
-- requires: partitions
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/ensure_partitions_step.sql
\ir ../sql/functions/jobs/ensure_partitions.sql

commit;
