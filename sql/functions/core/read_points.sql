-- core.read_points(lists, now): reads the points of uploads, a JSON array for each request.
--
-- Strict about JSON types, by casts, and about ranges, by domains: good points, nearly all of them, are read once and
-- not checked field by field first. What is wrong with bad ones, core.location_errors tells. A battery level of -1 or
-- -2147483648 is Android's "unknown". Fields that this version does not know are ignored.
-- Errors: any of class 22 (data exception) and 23514 (check violation), where a point breaks a rule.

create function core.read_points(p_lists jsonb[], p_now timestamptz) returns core.point_columns
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- planning for each call takes longer than the call
as $$
declare
    v_settings core.settings;
    v_now_ms   float8 := trunc(extract(epoch from p_now) * 1000);
    v_oldest   float8;
    v_latest   float8;
    v_good     boolean;
    v_points   core.point_columns;
begin
    select s.* into v_settings from core.settings s;
    v_oldest := v_now_ms - v_settings.location_retention_days * 86400000::float8;
    v_latest := v_now_ms + v_settings.max_clock_skew_seconds * 1000::float8;

    select
        bool_and(coalesce(
            p.is_object
            and p.ms % 1 = 0
            and p.ms::float8 between v_oldest and v_latest
            and num_nulls(p.latitude, p.longitude, p.accuracy) = 0
            and coalesce(p.bearing <= 360, true)  -- before a float4 rounds it to 360
            and coalesce(p.battery_level % 1 = 0, true)
            and coalesce(p.provider_type, 'null') in ('string', 'null')
            and coalesce(char_length(p.provider) <= 50, true)
            and coalesce(p.network_type_type, 'null') in ('string', 'null')
            and coalesce(char_length(p.network_type) <= 50, true),
            false)),
        array_agg(p.request),
        array_agg(to_timestamp(p.ms::float8 / 1000)),
        array_agg(p.latitude::core.latitude),
        array_agg(p.longitude::core.longitude),
        array_agg(p.altitude::core.altitude),
        array_agg(core.flush_to_zero(p.accuracy)::float4::core.accuracy),
        array_agg(core.flush_to_zero(p.bearing)::float4::core.bearing),
        array_agg(core.flush_to_zero(p.speed)::float4::core.speed),
        array_agg(p.battery_level::smallint::core.battery_level),
        array_agg(p.provider),
        array_agg(p.network_type)
    into
        v_good, v_points.request, v_points.captured_at, v_points.latitude, v_points.longitude, v_points.altitude,
        v_points.accuracy, v_points.bearing, v_points.speed, v_points.battery_level, v_points.provider, v_points.network_type
    from (
        select
            l.request::integer as request,
            jsonb_typeof(j.point) = 'object' as is_object,
            (j.point -> 'timestamp')::numeric as ms,
            core.to_float8((j.point -> 'latitude')::numeric) as latitude,
            core.to_float8((j.point -> 'longitude')::numeric) as longitude,
            core.to_float8(nullif(j.point -> 'altitude', 'null')::numeric) as altitude,
            core.to_float8((j.point -> 'accuracy')::numeric) as accuracy,
            core.to_float8(nullif(j.point -> 'bearing', 'null')::numeric) as bearing,
            core.to_float8(nullif(j.point -> 'speed', 'null')::numeric) as speed,
            nullif(nullif(nullif(j.point -> 'battery_level', 'null'), '-1'), '-2147483648')::numeric as battery_level,
            j.point ->> 'provider' as provider,
            jsonb_typeof(j.point -> 'provider') as provider_type,
            j.point ->> 'network_type' as network_type,
            jsonb_typeof(j.point -> 'network_type') as network_type_type
        from unnest(p_lists) with ordinality l(points, request)
        cross join jsonb_array_elements(l.points) j(point)
        offset 0  -- each field is taken out once, however often it is used above
    ) p;

    if not v_good then
        raise exception using errcode = 'data_exception', message = 'A point breaks a rule.';
    end if;
    return v_points;
end
$$;

comment on function core.read_points(jsonb[], timestamptz) is 'Reads the points of uploads, strictly: fails where one breaks a rule.';
revoke all on function core.read_points(jsonb[], timestamptz) from public;
