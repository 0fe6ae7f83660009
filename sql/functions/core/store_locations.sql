-- core.store_locations(device, points): stores valid points and returns the answer of an upload.
--
-- A point that is already there is neither stored twice nor an error. The device is seen now, and its last
-- location is the newest point that ever arrived.
--
-- Locks: the device's row, then the points. Errors: PT404.

create function core.store_locations(p_device_id uuid, p_points jsonb) returns json
language plpgsql volatile set search_path = ''
as $$
declare
    v_now    timestamptz := core.now();
    v_points integer := jsonb_array_length(p_points);
    v_stored integer;
begin
    update core.devices d
    set last_seen_at = v_now,
        last_captured_at = p.captured_at,
        last_latitude = p.latitude,
        last_longitude = p.longitude,
        last_altitude = p.altitude,
        last_accuracy = p.accuracy,
        last_bearing = p.bearing,
        last_speed = p.speed,
        last_battery_level = p.battery_level
    from (select * from core.points(p_points) order by captured_at desc limit 1) p
    where d.device_id = p_device_id
        and d.active
        and (d.last_captured_at is null or d.last_captured_at < p.captured_at);

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

    insert into core.locations
        (device_id, captured_at, created_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
    select
        p_device_id, p.captured_at, v_now, p.latitude, p.longitude, p.altitude, p.accuracy, p.bearing, p.speed, p.battery_level,
        p.provider, p.network_type
    from core.points(p_points) p
    on conflict (device_id, captured_at) do nothing;

    get diagnostics v_stored = row_count;

    if v_stored < v_points then
        return json_build_object('success', true, 'processed_count', v_points, 'duplicate_count', v_points - v_stored);
    end if;
    return json_build_object('success', true, 'processed_count', v_points);
end
$$;

comment on function core.store_locations(uuid, jsonb) is 'Stores valid points once each and keeps the device''s last location.';
revoke all on function core.store_locations(uuid, jsonb) from public;
