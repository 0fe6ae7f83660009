-- jobs.record_progress(run, rows): adds rows to what a run has done.
--
-- All see them in core.job_runs once the caller commits, and at once in the session's application_name.

create function jobs.record_progress(p_run_id bigint, p_rows bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_run core.job_runs;
begin
    if p_rows = 0 then
        return;
    end if;

    update core.job_runs r
    set rows = r.rows + p_rows, rows_total = r.rows_total + p_rows
    where r.id = p_run_id
    returning r.* into v_run;

    perform set_config('application_name', format('phone-manager job %s: %s rows', v_run.job_name, v_run.rows), false);
end
$$;

comment on function jobs.record_progress(bigint, bigint) is 'Adds rows to what a run has done.';
revoke all on function jobs.record_progress(bigint, bigint) from public;
grant execute on function jobs.record_progress(bigint, bigint) to pm_admin;
