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
    v_now       timestamptz := core.now();
    v_points    integer := cardinality(p_points.captured_at);
    v_newest    integer := 1;
    v_ascending boolean := true;
    v_last      timestamptz;
    v_stored    integer;
begin
    for i in 2 .. v_points loop
        v_ascending := v_ascending and p_points.captured_at[i] > p_points.captured_at[i - 1];
        if p_points.captured_at[i] > p_points.captured_at[v_newest] then
            v_newest := i;
        end if;
    end loop;

    select d.last_captured_at
    into v_last
    from core.devices d
    where d.device_id = p_device_id and d.active
    for no key update;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = 'Device not found. Please register first.';
    end if;

    if p_points.captured_at[v_newest] > v_last or v_last is null then
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
        where d.device_id = p_device_id;
    else
        update core.devices d set last_seen_at = v_now where d.device_id = p_device_id;
    end if;

    if v_ascending and p_points.captured_at[1] > v_last then
        -- All are newer than whatever this device has, and nobody else adds to it while its row is locked: there can be no
        -- duplicate, and a plain INSERT is cheaper than one that expects them (bench/compare plain_insert).
        insert into core.locations select r.* from core.point_rows(p_device_id, p_points, v_now) r;
        v_stored := v_points;
    else
        insert into core.locations select r.* from core.point_rows(p_device_id, p_points, v_now) r
        on conflict (device_id, captured_at) do nothing;
        get diagnostics v_stored = row_count;
    end if;

    if v_stored < v_points then
        return json_build_object('success', true, 'processed_count', v_points, 'duplicate_count', v_points - v_stored);
    end if;
    return json_build_object('success', true, 'processed_count', v_points);
end
$$;

comment on function core.store_locations(uuid, core.point_columns) is 'Stores points once each and keeps the device''s last location.';
revoke all on function core.store_locations(uuid, core.point_columns) from public;
