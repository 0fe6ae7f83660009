-- api.metrics(groups): what the database knows and dashboards want: groups, and the last runs of the jobs.
--
-- p_groups: how many groups at most, the most recently active ones; as of the last refresh of core.group_member_counts.
-- Answer: {"groups": [{"group_id", "active_count"}], "jobs": [{"job_name", "duration_seconds", "last_success",
-- "locations_deleted"}]}: duration and end of the last run that succeeded, null where none did; locations_deleted is null
-- for jobs that do something else.
--
-- A group and a job cost a few steps into an index each, however many of them and however long their history.

create function api.metrics(p_groups integer) returns json
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_groups json;
    v_jobs   json;
begin
    select json_agg(json_build_object('group_id', g.group_id, 'active_count', g.active_count))
    into v_groups
    from (
        select c.group_id, c.active_count
        from core.group_member_counts c
        order by c.last_activity desc
        limit p_groups
    ) g;

    with recursive job(name) as (  -- the next name each time, since "distinct" would read all runs
        (select r.job_name from core.job_runs r order by r.job_name limit 1)
        union all
        select (select r.job_name from core.job_runs r where r.job_name > j.name order by r.job_name limit 1)
        from job j
        where j.name is not null
    )
    select json_agg(json_build_object(
        'job_name', j.name,
        'duration_seconds', extract(epoch from success.ended_at - success.started_at),
        'last_success', extract(epoch from success.ended_at),
        'locations_deleted', case when j.name = 'cleanup_locations' then newest.rows_total end))
    into v_jobs
    from job j
    cross join lateral (
        select r.rows_total from core.job_runs r where r.job_name = j.name order by r.started_at desc limit 1
    ) newest
    left join lateral (
        select r.started_at, r.ended_at
        from core.job_runs r
        where r.job_name = j.name and r.ended_at is not null and r.error is null
        order by r.started_at desc
        limit 1
    ) success on true;

    return json_build_object('groups', coalesce(v_groups, '[]'), 'jobs', coalesce(v_jobs, '[]'));
end
$$;

comment on function api.metrics(integer) is 'Groups and the last runs of the jobs, for the metrics.';
revoke all on function api.metrics(integer) from public;
grant execute on function api.metrics(integer) to pm_api;
