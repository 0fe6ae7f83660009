-- Deploy phone_manager:jobs_run to pg
-- requires: job_bookkeeping

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/run.sql

commit;
