-- Revert phone_manager:jobs_cleanup_audit_log from pg

begin;
set local role pm_owner;

drop procedure jobs.cleanup_audit_log();
drop function jobs.cleanup_audit_log_step(jsonb);

commit;
