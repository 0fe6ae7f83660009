-- Has pg_cron run the jobs, where it is installed in this database.
--
-- They run as the deploying role. cron.schedule changes the job of that name where there is one. Times are UTC, spread
-- over the hour so that jobs do not meet.

do $$
declare
    v_job record;
begin
    if not exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
        raise warning 'pg_cron is not installed in this database: nothing runs the jobs.'
            using hint = 'Install it and run deploy/job_schedule.sql with psql, or have another scheduler call'
                ' jobs.ensure_partitions() and jobs.cleanup_audit_log() daily and the other jobs hourly.';
        return;
    end if;

    if not has_schema_privilege('cron', 'usage') then
        raise exception 'pg_cron is installed, but % may not use it', current_user
            using hint = format('grant usage on schema cron to %I;', current_user);
    end if;

    for v_job in
        select * from (values
            ('cleanup_locations', '7 * * * *', 'call jobs.cleanup_locations()'),
            ('refresh_group_counts', '22 * * * *', 'call jobs.refresh_group_counts()'),
            ('cleanup_idempotency_keys', '37 * * * *', 'call jobs.cleanup_idempotency_keys()'),
            ('cleanup_rate_limits', '52 * * * *', 'call jobs.cleanup_rate_limits()'),
            ('ensure_partitions', '17 3 * * *', 'call jobs.ensure_partitions()'),
            ('cleanup_audit_log', '27 3 * * *', 'call jobs.cleanup_audit_log()'),
            -- A role may delete the history of its own jobs. A run that a crash ended has no end.
            (
                'trim_cron_history', '47 3 * * *',
                'delete from cron.job_run_details where coalesce(end_time, start_time) < now() - interval ''7 days'''
            )
        ) j(name, schedule, command)
    loop
        perform cron.schedule(v_job.name, v_job.schedule, v_job.command);
    end loop;
end
$$;
