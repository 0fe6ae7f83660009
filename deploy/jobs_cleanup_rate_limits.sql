-- Deploy phone_manager:jobs_cleanup_rate_limits to pg
-- requires: rate_limits
-- requires: clock_and_text
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/cleanup_rate_limits_step.sql
\ir ../sql/functions/jobs/cleanup_rate_limits.sql

commit;
