-- core.location_errors(points, prefix, now): all that is wrong with the points of an upload.
--
-- p_points: JSON array. p_prefix: 'locations' names fields as locations[3].latitude; null: as latitude.
-- Every bad field of every point is listed, in the order of the points.
--
-- The messages of a point are made as one array, and taken apart only where there are any. Making a row of each field
-- first, with a lateral VALUES, takes three times as long for a good batch (bench/compare point_errors).

create function core.location_errors(p_points jsonb, p_prefix text, p_now timestamptz default core.now()) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields   constant text[] := array[
        'timestamp', 'latitude', 'longitude', 'accuracy', 'altitude', 'bearing', 'speed', 'provider', 'network_type', 'battery_level'];
    v_float4   constant float8 := 3.4028235677973362e38;  -- the largest that is rounded to a float4
    v_settings core.settings;
    v_now_ms   numeric := trunc(extract(epoch from p_now) * 1000);
    v_oldest   numeric;
    v_latest   numeric;
    v_too_old  text;
    v_too_new  text;
begin
    select s.* into v_settings from core.settings s;
    v_oldest := v_now_ms - v_settings.location_retention_days * 86400000::numeric;
    v_latest := v_now_ms + v_settings.max_clock_skew_seconds * 1000::numeric;
    v_too_old := format('must not be older than %s days', v_settings.location_retention_days);
    v_too_new := format('must not be more than %s seconds in the future', v_settings.max_clock_skew_seconds);

    return coalesce((
        select jsonb_agg(
            jsonb_build_object(
                'field', concat(p_prefix || format('[%s]', e.position - 1) || case when f.name <> '' then '.' else '' end, f.name),
                'message', f.message)
            order by e.position, f.position)
        from (
            select
                p.position,
                case when jsonb_typeof(p.point) = 'object' then array[
                    coalesce(
                        core.integer_error(p.point -> 'timestamp', true, 'must be an integer: milliseconds since 1970-01-01T00:00:00Z'),
                        core.number_error(p.point -> 'timestamp', true, v_oldest, 'Infinity', v_too_old),
                        core.number_error(p.point -> 'timestamp', true, '-Infinity', v_latest, v_too_new)),
                    core.number_error(p.point -> 'latitude', true, -90, 90, 'must be a number from -90 to 90'),
                    core.number_error(p.point -> 'longitude', true, -180, 180, 'must be a number from -180 to 180'),
                    core.number_error(p.point -> 'accuracy', true, 0, v_float4, 'must be a number, 0 or more, that fits a float4'),
                    core.number_error(p.point -> 'altitude', false, -1.7976931348623157e308, 1.7976931348623157e308,
                        'must be a number that fits a float8'),
                    core.number_error(p.point -> 'bearing', false, 0, 360, 'must be a number from 0 to 360'),
                    core.number_error(p.point -> 'speed', false, 0, v_float4, 'must be a number, 0 or more, that fits a float4'),
                    core.string_error(p.point -> 'provider', false, 0, 50, 'must be a string of at most 50 characters'),
                    core.string_error(p.point -> 'network_type', false, 0, 50, 'must be a string of at most 50 characters'),
                    case when p.point -> 'battery_level' in ('-1', '-2147483648') then null
                    else coalesce(
                        core.integer_error(p.point -> 'battery_level', false, 'must be an integer from 0 to 100'),
                        core.number_error(p.point -> 'battery_level', false, 0, 100, 'must be an integer from 0 to 100'))
                    end]
                end as messages
            from jsonb_array_elements(p_points) with ordinality p(point, position)
            offset 0  -- keeps the planner from making the array twice
        ) e
        cross join lateral (
            select m.position, v_fields[m.position] as name, m.message
            from unnest(e.messages) with ordinality m(message, position)
            where m.message is not null
            union all
            select 0, '', 'must be an object' where e.messages is null
        ) f
        where e.messages is null or num_nonnulls(variadic e.messages) > 0
    ), '[]');
end
$$;

comment on function core.location_errors(jsonb, text, timestamptz) is 'All that is wrong with points, as a JSON array of {field, message}.';
revoke all on function core.location_errors(jsonb, text, timestamptz) from public;
