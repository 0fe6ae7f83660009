-- Deploy phone_manager:job_runs to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/schema/job_runs.sql

commit;
