-- jobs.end_run(run, error): frees the lock of a run of this session. One that has not done all its steps has failed.
--
-- p_error: why; without it, it was interrupted. Does nothing to the runs of other sessions.

create function jobs.end_run(p_run_id bigint, p_error text default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_name text := (select r.job_name from core.job_runs r where r.id = p_run_id);
begin
    if core.job_session(v_job_name) = pg_backend_pid() is not true then
        return;
    end if;

    update core.job_runs r
    set ended_at = clock_timestamp(), error = coalesce(p_error, 'interrupted')
    where r.id = p_run_id and r.ended_at is null;

    reset application_name;
    perform pg_advisory_unlock(core.job_lock(v_job_name));
end
$$;

comment on function jobs.end_run(bigint, text) is 'Frees the lock of a run of this session; one that has not done all its steps has failed.';
revoke all on function jobs.end_run(bigint, text) from public;
grant execute on function jobs.end_run(bigint, text) to pm_admin;
