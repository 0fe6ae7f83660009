-- Deploy phone_manager:job_bookkeeping to pg
-- requires: job_runs

begin;
set local role pm_owner;

\ir ../sql/functions/core/job_lock.sql
\ir ../sql/functions/core/job_session.sql
\ir ../sql/functions/jobs/begin_run.sql
\ir ../sql/functions/jobs/continue_run.sql
\ir ../sql/functions/jobs/end_run.sql

commit;
