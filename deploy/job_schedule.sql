-- Deploy phone_manager:job_schedule to pg
-- requires: jobs_ensure_partitions
-- requires: jobs_cleanup_locations
-- requires: jobs_refresh_group_counts
-- requires: jobs_cleanup_idempotency_keys
-- requires: jobs_cleanup_rate_limits
-- requires: jobs_cleanup_audit_log

begin;

\ir ../sql/schema/job_schedule.sql

commit;
