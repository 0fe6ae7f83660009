-- core.parse_points(points, prefix, errors): reads the points of an upload, or refuses them with all their errors.
--
-- p_points: JSON array of 1 or more. p_prefix: see core.location_errors. p_errors: what else is wrong with the request.
--
-- Points are read once, with casts that are strict about JSON types and domains that hold the rules. Only where that
-- fails does core.location_errors look for what to tell: good points, nearly all of them, are not checked field by field
-- first. A battery level of -1 or -2147483648 is Android's "unknown". Fields that this version does not know are ignored.
-- Errors: PT400.

create function core.parse_points(p_points jsonb, p_prefix text, p_errors jsonb) returns core.point_columns
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now    timestamptz := core.now();
    v_good   boolean := p_errors = '[]';
    v_points core.point_columns;
begin
    if v_good then
        begin
            select
                bool_and(coalesce(
                    p.is_object
                    and p.ms % 1 = 0
                    and p.ms between trunc(extract(epoch from v_now) * 1000) - s.location_retention_days * 86400000::numeric
                        and trunc(extract(epoch from v_now) * 1000) + s.max_clock_skew_seconds * 1000::numeric
                    and num_nulls(p.latitude, p.longitude, p.accuracy) = 0
                    and coalesce(p.bearing <= 360, true)  -- before a float4 rounds it to 360
                    and coalesce(p.battery_level % 1 = 0, true)
                    and coalesce(jsonb_typeof(p.provider) = 'string' and char_length(p.provider #>> '{}') <= 50, true)
                    and coalesce(jsonb_typeof(p.network_type) = 'string' and char_length(p.network_type #>> '{}') <= 50, true),
                    false)),
                array_agg(to_timestamp(p.ms::float8 / 1000)),
                array_agg(core.to_float8(p.latitude)::core.latitude),
                array_agg(core.to_float8(p.longitude)::core.longitude),
                array_agg(core.to_float8(p.altitude)::core.altitude),
                array_agg(core.to_float8(p.accuracy)::float4::core.accuracy),
                array_agg(core.to_float8(p.bearing)::float4::core.bearing),
                array_agg(core.to_float8(p.speed)::float4::core.speed),
                array_agg(p.battery_level::smallint::core.battery_level),
                array_agg(p.provider #>> '{}'),
                array_agg(p.network_type #>> '{}')
            into
                v_good, v_points.captured_at, v_points.latitude, v_points.longitude, v_points.altitude, v_points.accuracy,
                v_points.bearing, v_points.speed, v_points.battery_level, v_points.provider, v_points.network_type
            from (
                select
                    jsonb_typeof(j.point) = 'object' as is_object,
                    (j.point -> 'timestamp')::numeric as ms,
                    (j.point -> 'latitude')::numeric as latitude,
                    (j.point -> 'longitude')::numeric as longitude,
                    nullif(j.point -> 'altitude', 'null')::numeric as altitude,
                    (j.point -> 'accuracy')::numeric as accuracy,
                    nullif(j.point -> 'bearing', 'null')::numeric as bearing,
                    nullif(j.point -> 'speed', 'null')::numeric as speed,
                    nullif(nullif(nullif(j.point -> 'battery_level', 'null'), '-1'), '-2147483648')::numeric as battery_level,
                    nullif(j.point -> 'provider', 'null') as provider,
                    nullif(j.point -> 'network_type', 'null') as network_type
                from jsonb_array_elements(p_points) j(point)
                offset 0  -- each field is taken out once, however often it is used above
            ) p
            cross join core.settings s;
        exception
            when data_exception or check_violation then
                v_good := false;
        end;
    end if;

    if not v_good then
        perform core.require_valid(p_errors || core.location_errors(p_points, p_prefix, v_now));
        raise exception using errcode = 'PT400', message = 'The request holds a value that cannot be stored.';
    end if;
    return v_points;
end
$$;

comment on function core.parse_points(jsonb, text, jsonb) is 'Reads the points of an upload, or refuses them with all their errors.';
revoke all on function core.parse_points(jsonb, text, jsonb) from public;
