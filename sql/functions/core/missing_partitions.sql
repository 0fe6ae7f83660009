-- core.missing_partitions(): the UTC days that should have a partition and have none, the newest first.
--
-- They run from retention days back to 7 days ahead. Today and the days to come matter most, hence the order. A table
-- of that name that somebody detached is not missing: its day's points go to the default partition.

create function core.missing_partitions() returns setof date
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_today     date := (core.now() at time zone 'UTC')::date;
    v_retention integer := (select s.location_retention_days from core.settings s);
begin
    return query
    select v_today + d.offset_days
    from generate_series(7, -v_retention, -1) d(offset_days)
    where to_regclass(core.partition_name(v_today + d.offset_days)) is null;
end
$$;

comment on function core.missing_partitions() is 'The UTC days that should have a partition and have none, the newest first.';
revoke all on function core.missing_partitions() from public;
