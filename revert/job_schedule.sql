-- Revert phone_manager:job_schedule from pg

begin;

do $$
begin
    if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
        perform cron.unschedule(j.jobid)
        from cron.job j
        where j.jobname in (
                'cleanup_locations', 'refresh_group_counts', 'cleanup_idempotency_keys', 'cleanup_rate_limits', 'ensure_partitions',
                'cleanup_audit_log', 'trim_cron_history')
            and j.database = current_database();
    end if;
end
$$;

commit;
