-- Deploy phone_manager:job_status to pg
-- requires: job_runs

begin;
set local role pm_owner;

\ir ../sql/schema/job_status.sql

commit;
