-- jobs.refresh_group_counts_step(position): the only step of jobs.refresh_group_counts. Readers do not wait for it.
--
-- handled: groups.

create function jobs.refresh_group_counts_step(p_position jsonb, out next_position jsonb, out handled bigint)
language sql volatile set search_path = pg_catalog, pg_temp
as $$
    refresh materialized view concurrently core.group_member_counts;
    select null::jsonb, count(*) from core.group_member_counts;
$$;

comment on function jobs.refresh_group_counts_step(jsonb) is 'The only step of jobs.refresh_group_counts.';
revoke all on function jobs.refresh_group_counts_step(jsonb) from public;
