-- jobs.cleanup_locations_step(position): a step of jobs.cleanup_locations: at most 10,000 points, or one partition.
--
-- Positions walk through the points of the day on which the retention began, the default partition, and the devices,
-- 100 pages a step: more than 100 points do not fit on a page. Walking by pages reads each of them once, and needs no
-- index on captured_at alone. In the end come the partitions wholly past retention, each counted in a step and dropped
-- in the next: counting takes long, and nobody waits for it. They come last, since a drop may have to wait for readers.
--
-- handled: points removed; cleared last locations do not count.
-- Locks: rows of points or devices; for a drop core.locations and its default partition (ACCESS EXCLUSIVE).

create function jobs.cleanup_locations_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_pages   constant integer := 100;
    v_cutoff  timestamptz := (select core.days_ago(s.location_retention_days) from core.settings s);
    v_day     date := (v_cutoff at time zone 'UTC')::date;
    v_tables  constant regclass[] := array[
        to_regclass(core.partition_name(v_day)), 'core.locations_default'::regclass, 'core.devices'::regclass];
    v_index   integer := coalesce((p_position ->> 'table')::integer, 1);
    v_page    bigint := coalesce((p_position ->> 'page')::bigint, 0);
    v_first   tid := format('(%s,0)', v_page)::tid;
    v_beyond  tid := format('(%s,0)', v_page + v_pages)::tid;
    v_expired regclass;
    v_points  bigint;
begin
    handled := 0;

    if v_index <= cardinality(v_tables) then
        if v_tables[v_index] = 'core.devices'::regclass then
            update core.devices d
            set last_captured_at = null, last_latitude = null, last_longitude = null, last_altitude = null,
                last_accuracy = null, last_bearing = null, last_speed = null, last_battery_level = null
            where d.ctid >= v_first and d.ctid < v_beyond and d.last_captured_at < v_cutoff;
        elsif v_tables[v_index] is not null then
            execute format('delete from %s l where l.ctid >= $1 and l.ctid < $2 and l.captured_at < $3', v_tables[v_index])
            using v_first, v_beyond, v_cutoff;
            get diagnostics handled = row_count;
        end if;

        if (v_page + v_pages) * current_setting('block_size')::bigint < pg_relation_size(v_tables[v_index]) then
            next_position := jsonb_build_object('table', v_index, 'page', v_page + v_pages);
        else
            next_position := jsonb_build_object('table', v_index + 1);
        end if;
        return;
    end if;

    select i.inhrelid::regclass
    into v_expired
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'core.locations'::regclass
        and core.partition_day(c.relname) < v_day
    order by c.relname
    limit 1;

    if v_expired is null then
        return;
    elsif p_position ->> 'counted' is distinct from v_expired::text then
        execute format('select count(*) from %s', v_expired) into v_points;
        next_position := jsonb_build_object('table', v_index, 'counted', v_expired, 'points', v_points);
    else
        perform core.lock_name('partitions', 'core.locations');
        execute format('drop table %s', v_expired);
        handled := (p_position ->> 'points')::bigint;
        next_position := jsonb_build_object('table', v_index);
    end if;
end
$$;

comment on function jobs.cleanup_locations_step(jsonb) is 'A step of jobs.cleanup_locations: at most 10,000 points, or one partition.';
revoke all on function jobs.cleanup_locations_step(jsonb) from public;
