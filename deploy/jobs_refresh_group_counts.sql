-- Deploy phone_manager:jobs_refresh_group_counts to pg
-- requires: group_member_counts
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/refresh_group_counts_step.sql
\ir ../sql/functions/jobs/refresh_group_counts.sql

commit;
