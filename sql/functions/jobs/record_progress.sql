-- jobs.record_progress(run, rows): adds rows to what a run has done, for all to see once the caller commits.

create function jobs.record_progress(p_run_id bigint, p_rows bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update core.job_runs r
    set rows = r.rows + p_rows, rows_total = r.rows_total + p_rows
    where r.id = p_run_id;
end
$$;

comment on function jobs.record_progress(bigint, bigint) is 'Adds rows to what a run has done.';
revoke all on function jobs.record_progress(bigint, bigint) from public;
grant execute on function jobs.record_progress(bigint, bigint) to pm_admin;
