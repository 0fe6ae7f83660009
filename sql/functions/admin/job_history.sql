-- admin.job_history(…): runs of the jobs, the latest first.
--
-- Example:
--   select * from admin.job_history();
--   select * from admin.job_history(p_job_name => 'cleanup_locations', p_limit => 5);
--   select * from admin.job_history(p_before => 1000);
--
-- A run that is under way shows the rows it has handled so far; one that has no end and no session any more was
-- interrupted. p_before: the id of the last row of the page before. Errors: PT400 for p_limit.

create function admin.job_history(p_job_name text default null, p_before bigint default null, p_limit integer default 20)
returns table (id bigint, job_name text, status text, started_at timestamptz, duration interval, rows bigint, error text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_page_size(p_limit);

    return query
    select
        r.id, r.job_name,
        case
            when r.error is not null then 'failed'
            when r.ended_at is not null then 'succeeded'
            when core.job_session(r.job_name) is not null then 'running'
            else 'interrupted'
        end,
        date_trunc('second', r.started_at),
        date_trunc('milliseconds', coalesce(r.ended_at, clock_timestamp()) - r.started_at),
        r.rows, r.error
    from core.job_runs r
    where (p_job_name is null or r.job_name = p_job_name) and (p_before is null or r.id < p_before)
    order by r.id desc
    limit p_limit;
end
$$;

comment on function admin.job_history(text, bigint, integer) is 'Shows runs of the jobs, the latest first.';
revoke all on function admin.job_history(text, bigint, integer) from public;
grant execute on function admin.job_history(text, bigint, integer) to pm_admin;
