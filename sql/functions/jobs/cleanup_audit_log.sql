-- call jobs.cleanup_audit_log(): removes audit entries past their retention, and runs of the jobs as old. Daily.
--
-- See jobs.run for how, jobs.cleanup_audit_log_step for what. Rows of a run: audit entries removed.

create procedure jobs.cleanup_audit_log()
language plpgsql
as $$
begin
    call jobs.run('cleanup_audit_log');
end
$$;

comment on procedure jobs.cleanup_audit_log() is 'Removes audit entries and runs of the jobs past the audit retention.';
revoke all on procedure jobs.cleanup_audit_log() from public;
grant execute on procedure jobs.cleanup_audit_log() to pm_admin;
