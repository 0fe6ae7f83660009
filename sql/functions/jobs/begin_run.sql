-- jobs.begin_run(job): records that a run of a job begins, unless another run of it is under way.
--
-- A job is a function jobs.<job>_step. Returns the run's id, or null where another session runs the job. The session
-- holds the job's lock until jobs.end_run or its own end, so a killed run frees it; what a run left open is closed here.
--
-- Errors: PT404 where there is no such job; what recording the run fails with, without the lock.

create function jobs.begin_run(p_job_name text) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_jobs   text[] := array(
        select left(p.proname, -length('_step'))
        from pg_catalog.pg_proc p
        where p.pronamespace = 'jobs'::regnamespace and p.proname like '%\_step'
        order by 1);
    v_run_id bigint;
begin
    if p_job_name = any (v_jobs) is not true then
        raise exception using
            errcode = 'PT404',
            message = format('There is no job %L.', p_job_name),
            hint = 'Jobs: ' || array_to_string(v_jobs, ', ');
    end if;

    -- Once is enough: a session would get its own lock again, and then have to free it as often.
    if core.job_session(p_job_name) = pg_backend_pid() is not true and not pg_try_advisory_lock(core.job_lock(p_job_name)) then
        raise notice 'Job % is running in another session.', p_job_name;
        return null;
    end if;

    begin
        perform set_config('application_name', 'phone-manager job ' || p_job_name, false);

        update core.job_runs r
        set ended_at = clock_timestamp(), error = 'interrupted'
        where r.job_name = p_job_name and r.ended_at is null;

        insert into core.job_runs (job_name, started_at, rows_total)
        select p_job_name, clock_timestamp(), coalesce(max(l.rows_total), 0)
        from (
            select r.rows_total
            from core.job_runs r
            where r.job_name = p_job_name
            order by r.started_at desc, r.id desc
            limit 1
        ) l
        returning id into v_run_id;
    exception
        when query_canceled or others then
            perform pg_advisory_unlock(core.job_lock(p_job_name));
            raise;
    end;
    return v_run_id;
end
$$;

comment on function jobs.begin_run(text) is 'Records that a run of a job begins; null where one is under way.';
revoke all on function jobs.begin_run(text) from public;
grant execute on function jobs.begin_run(text) to pm_admin;
