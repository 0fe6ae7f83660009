-- core.point_rows(device, points, now): points of an upload as rows of core.locations, in its order of columns.
--
-- Inlined into the INSERT that reads it.

create function core.point_rows(p_device_id uuid, p_points core.point_columns, p_now timestamptz)
returns table (
    device_id uuid, captured_at timestamptz, created_at timestamptz, latitude core.latitude, longitude core.longitude,
    altitude core.altitude, accuracy core.accuracy, bearing core.bearing, speed core.speed, battery_level core.battery_level,
    provider text, network_type text
)
language sql stable rows 50
begin atomic
    select
        p_device_id, p.captured_at, p_now, p.latitude, p.longitude, p.altitude, p.accuracy, p.bearing, p.speed, p.battery_level,
        p.provider, p.network_type
    from unnest(
        p_points.captured_at, p_points.latitude, p_points.longitude, p_points.altitude, p_points.accuracy, p_points.bearing,
        p_points.speed, p_points.battery_level, p_points.provider, p_points.network_type
    ) p(captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type);
end;

comment on function core.point_rows(uuid, core.point_columns, timestamptz) is 'Points of an upload as rows of core.locations.';
revoke all on function core.point_rows(uuid, core.point_columns, timestamptz) from public;
