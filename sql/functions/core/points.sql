-- core.points(points): valid points of an upload as rows.
--
-- A battery level below 0 is Android's "unknown". Fields that this version does not know are ignored.

create function core.points(p_points jsonb)
returns table (
    captured_at timestamptz, latitude float8, longitude float8, altitude float8, accuracy float4, bearing float4,
    speed float4, battery_level smallint, provider text, network_type text
)
language sql stable rows 50
begin atomic
    select
        to_timestamp(p."timestamp"::float8 / 1000),
        core.to_float8(p.latitude),
        core.to_float8(p.longitude),
        core.to_float8(p.altitude),
        core.to_float8(p.accuracy)::float4,
        core.to_float8(p.bearing)::float4,
        core.to_float8(p.speed)::float4,
        case when p.battery_level >= 0 then p.battery_level::smallint end,
        p.provider,
        p.network_type
    from jsonb_to_recordset(p_points) p(
        "timestamp" numeric, latitude numeric, longitude numeric, altitude numeric, accuracy numeric, bearing numeric,
        speed numeric, battery_level numeric, provider text, network_type text);
end;

comment on function core.points(jsonb) is 'Valid points of an upload as rows.';
revoke all on function core.points(jsonb) from public;
