-- jobs.end_run(run, error): records that a run ended, and frees the job's lock. p_error: null for success.

create function jobs.end_run(p_run_id bigint, p_error text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_name text;
begin
    update core.job_runs r
    set ended_at = clock_timestamp(), error = p_error
    where r.id = p_run_id
    returning r.job_name into v_job_name;

    reset application_name;
    perform pg_advisory_unlock(hashtextextended('job: ' || v_job_name, 0));
end
$$;

comment on function jobs.end_run(bigint, text) is 'Records that a run ended, and frees the job''s lock.';
revoke all on function jobs.end_run(bigint, text) from public;
grant execute on function jobs.end_run(bigint, text) to pm_admin;
