-- Deploy phone_manager:jobs_cleanup_audit_log to pg
-- requires: audit_log
-- requires: clock_and_text
-- requires: settings
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/cleanup_audit_log_step.sql
\ir ../sql/functions/jobs/cleanup_audit_log.sql

commit;
