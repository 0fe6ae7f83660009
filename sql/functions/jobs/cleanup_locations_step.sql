-- jobs.cleanup_locations_step(position): one step of jobs.cleanup_locations, at most 10,000 points or one partition.
--
-- p_position is null at first, then the next position the step before returned; null again at the end.
-- Positions walk through: drops of partitions wholly past retention, a partition a step; points past retention in the
-- partition on the boundary and in the default one, a range of pages a step; last locations past retention, likewise.
-- Walking by pages (TID range scans) reads each page once, and needs no index on captured_at alone.
--
-- Locks: for a drop, core.locations (ACCESS EXCLUSIVE) before its partitions, as uploads do, waiting at most 100 ms,
-- since uploads wait behind it. Errors: 55P03 (lock_not_available): call again with the same position.

create function jobs.cleanup_locations_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_pages    constant integer := 100;
    v_cutoff   timestamptz;
    v_expired  regclass;
    v_tables   regclass[];
    v_index    integer := coalesce((p_position ->> 'table')::integer, 1);
    v_page     bigint := coalesce((p_position ->> 'page')::bigint, 0);
    v_first    tid;
    v_beyond   tid;
begin
    select core.now() - make_interval(hours => 24 * s.location_retention_days) into v_cutoff from core.settings s;

    -- Partitions wholly past retention go as a whole.
    select i.inhrelid::regclass
    into v_expired
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'core.locations'::regclass
        and c.relname ~ '^locations_\d{8}$'
        and to_date(right(c.relname, 8), 'YYYYMMDD') < (v_cutoff at time zone 'UTC')::date
    order by c.relname
    limit 1;

    if v_expired is not null then
        perform set_config('lock_timeout', '100ms', true);
        perform core.lock_name('partitions', 'core.locations');
        lock table only core.locations in access exclusive mode;
        execute format('select count(*) from %s', v_expired) into handled;
        execute format('drop table %s', v_expired);
        next_position := '{}';
        return;
    end if;

    -- What is left past retention lies on the boundary, or in the default partition.
    v_tables := array_remove(array[
        to_regclass(core.partition_name((v_cutoff at time zone 'UTC')::date)),
        'core.locations_default'::regclass,
        'core.devices'::regclass], null);
    v_first := format('(%s,0)', v_page)::tid;
    v_beyond := format('(%s,0)', v_page + v_pages)::tid;

    if v_tables[v_index] = 'core.devices'::regclass then
        update core.devices d
        set last_captured_at = null, last_latitude = null, last_longitude = null, last_altitude = null,
            last_accuracy = null, last_bearing = null, last_speed = null, last_battery_level = null
        where d.ctid >= v_first and d.ctid < v_beyond and d.last_captured_at < v_cutoff;
    else
        execute format('delete from %s l where l.ctid >= $1 and l.ctid < $2 and l.captured_at < $3', v_tables[v_index])
        using v_first, v_beyond, v_cutoff;
    end if;
    get diagnostics handled = row_count;

    if (v_page + v_pages) * current_setting('block_size')::bigint < pg_relation_size(v_tables[v_index]) then
        next_position := jsonb_build_object('table', v_index, 'page', v_page + v_pages);
    elsif v_index < cardinality(v_tables) then
        next_position := jsonb_build_object('table', v_index + 1);
    end if;
end
$$;

comment on function jobs.cleanup_locations_step(jsonb) is 'One step of jobs.cleanup_locations; next_position is null at the end.';
revoke all on function jobs.cleanup_locations_step(jsonb) from public;
grant execute on function jobs.cleanup_locations_step(jsonb) to pm_admin;
