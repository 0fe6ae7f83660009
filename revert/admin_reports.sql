-- Revert phone_manager:admin_reports from pg

begin;
set local role pm_owner;

drop function admin.audit_trail(timestamptz, timestamptz, text, text, text, bigint, integer);
drop function admin.job_history(text, bigint, integer);
drop function admin.statistics();
drop function admin.storage_report();

commit;
