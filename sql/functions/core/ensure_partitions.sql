-- core.ensure_partitions(most): makes the missing partitions that can be made at once, the newest first.
--
-- For deployment and for the start of an instance. It neither waits for long nor moves points, and leaves what is
-- busy to the job: a point without a partition is safe in the default one. Uploads wait until its transaction ends, so an
-- instance asks for a few. p_most: how many at most; null: all. Returns the number of partitions made.

create function core.ensure_partitions(p_most integer default null) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_day  date;
    v_made integer := 0;
begin
    perform set_config('lock_timeout', '50ms', true);

    for v_day in select d from core.missing_partitions() d limit p_most loop
        continue when exists (
            select from core.locations_default l
            where l.captured_at >= v_day::timestamp at time zone 'UTC' and l.captured_at < (v_day + 1)::timestamp at time zone 'UTC');
        perform core.create_partition(v_day);
        v_made := v_made + 1;
    end loop;
    return v_made;
exception
    when lock_not_available then
        raise warning 'Partitions of core.locations are busy; jobs.ensure_partitions will make the missing ones.';
        return 0;
end
$$;

comment on function core.ensure_partitions(integer) is 'Makes the missing partitions that can be made at once.';
revoke all on function core.ensure_partitions(integer) from public;
