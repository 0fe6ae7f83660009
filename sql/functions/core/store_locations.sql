-- core.store_locations(device, points): stores points and returns the answer of an upload.
--
-- A point that is already there is neither stored twice nor an error. The device is seen now, and its last
-- location is the newest point that ever arrived.
--
-- Locks: the device's row, then the points. Errors: PT404.

create function core.store_locations(p_device_id uuid, p_points core.point_columns) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now    timestamptz := core.now();
    v_points integer := cardinality(p_points.captured_at);
    v_newest integer := 1;
    v_there  timestamptz[];
    v_stored integer;
begin
    for i in 2 .. v_points loop
        if p_points.captured_at[i] > p_points.captured_at[v_newest] then
            v_newest := i;
        end if;
    end loop;

    update core.devices d
    set last_seen_at = v_now,
        last_captured_at = p_points.captured_at[v_newest],
        last_latitude = p_points.latitude[v_newest],
        last_longitude = p_points.longitude[v_newest],
        last_altitude = p_points.altitude[v_newest],
        last_accuracy = p_points.accuracy[v_newest],
        last_bearing = p_points.bearing[v_newest],
        last_speed = p_points.speed[v_newest],
        last_battery_level = p_points.battery_level[v_newest]
    where d.device_id = p_device_id
        and d.active
        and (d.last_captured_at is null or d.last_captured_at < p_points.captured_at[v_newest]);

    if not found then
        -- The points came late, or the device is not there.
        update core.devices d
        set last_seen_at = v_now
        where d.device_id = p_device_id and d.active;

        if not found then
            raise exception using
                errcode = 'PT404',
                message = 'Device not found. Please register first.';
        end if;
    end if;

    if v_points = 1 then
        insert into core.locations
            (device_id, captured_at, created_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
        values (
            p_device_id, p_points.captured_at[1], v_now, p_points.latitude[1], p_points.longitude[1], p_points.altitude[1],
            p_points.accuracy[1], p_points.bearing[1], p_points.speed[1], p_points.battery_level[1], p_points.provider[1],
            p_points.network_type[1])
        on conflict (device_id, captured_at) do nothing;
    else
        -- Nobody else adds points of this device while its row is locked, so it is safe to look first which are there, and
        -- for many points cheaper than ON CONFLICT, which inserts each speculatively.
        v_there := array(
            select l.captured_at
            from core.locations l
            where l.device_id = p_device_id and l.captured_at = any (p_points.captured_at));

        insert into core.locations
            (device_id, captured_at, created_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
        select distinct on (p.captured_at)
            p_device_id, p.captured_at, v_now, p.latitude, p.longitude, p.altitude, p.accuracy, p.bearing, p.speed, p.battery_level,
            p.provider, p.network_type
        from unnest(
            p_points.captured_at, p_points.latitude, p_points.longitude, p_points.altitude, p_points.accuracy, p_points.bearing,
            p_points.speed, p_points.battery_level, p_points.provider, p_points.network_type
        ) with ordinality p(
            captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type, position)
        where p.captured_at <> all (v_there)
        order by p.captured_at, p.position;
    end if;

    get diagnostics v_stored = row_count;

    if v_stored < v_points then
        return json_build_object('success', true, 'processed_count', v_points, 'duplicate_count', v_points - v_stored);
    end if;
    return json_build_object('success', true, 'processed_count', v_points);
end
$$;

comment on function core.store_locations(uuid, core.point_columns) is 'Stores points once each and keeps the device''s last location.';
revoke all on function core.store_locations(uuid, core.point_columns) from public;
