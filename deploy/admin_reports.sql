-- Deploy phone_manager:admin_reports to pg
-- requires: admin_api_keys
-- requires: partitions
-- requires: job_bookkeeping
-- requires: audit_log

begin;
set local role pm_owner;

\ir ../sql/functions/admin/storage_report.sql
\ir ../sql/functions/admin/statistics.sql
\ir ../sql/functions/admin/job_history.sql
\ir ../sql/functions/admin/audit_trail.sql

commit;
