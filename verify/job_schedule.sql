-- Verify phone_manager:job_schedule on pg

-- Where pg_cron is installed, each job is scheduled in this database. pg_cron shows a role its own jobs only, a
-- superuser all.

begin;

do $$
begin
    if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
        perform e.name, 1 / count(j.jobid)
        from (values
            ('cleanup_locations', 'call jobs.cleanup_locations()'),
            ('refresh_group_counts', 'call jobs.refresh_group_counts()'),
            ('cleanup_idempotency_keys', 'call jobs.cleanup_idempotency_keys()'),
            ('cleanup_rate_limits', 'call jobs.cleanup_rate_limits()'),
            ('ensure_partitions', 'call jobs.ensure_partitions()'),
            ('cleanup_audit_log', 'call jobs.cleanup_audit_log()'),
            (
                'trim_cron_history',
                'delete from cron.job_run_details where coalesce(end_time, start_time) < now() - interval ''7 days'''
            )
        ) e(name, command)
        left join cron.job j
            on j.jobname = e.name and j.command = e.command and j.database = current_database() and j.active
        group by e.name;
    end if;
end
$$;

rollback;
