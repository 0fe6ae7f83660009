-- Deploy phone_manager:admin_reports to pg
-- requires: admin_api_keys
-- requires: job_runs
-- requires: audit_log
-- requires: locations

begin;
set local role pm_owner;

\ir ../sql/functions/admin/storage_report.sql
\ir ../sql/functions/admin/statistics.sql
\ir ../sql/functions/admin/job_history.sql
\ir ../sql/functions/admin/audit_trail.sql

commit;
