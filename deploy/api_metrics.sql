-- Deploy phone_manager:api_metrics to pg
-- requires: job_runs
-- requires: group_member_counts

begin;
set local role pm_owner;

\ir ../sql/functions/api/metrics.sql

commit;
