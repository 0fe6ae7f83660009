-- How should 50 good points be checked, so that each bad field of each point could be told?

create function number_error(p_value jsonb, p_required boolean, p_from numeric, p_to numeric, p_message text) returns text
language sql immutable
return case jsonb_typeof(p_value)
    when 'number' then case when p_value::numeric between p_from and p_to then null else p_message end
    when 'null' then case when p_required then 'is required' end
    else case when p_value is not null then p_message when p_required then 'is required' end
end;

-- Fields become rows first, and good ones are filtered out.
create function errors_as_rows(p_points jsonb) returns jsonb language plpgsql as $$
begin
    return (
        select jsonb_agg(jsonb_build_object('field', f.name, 'message', f.message))
        from jsonb_array_elements(p_points) with ordinality p(point, position)
        cross join lateral (values
            ('timestamp', number_error(p.point -> 'timestamp', true, 0, 4e12, 'bad')),
            ('latitude', number_error(p.point -> 'latitude', true, -90, 90, 'bad')),
            ('longitude', number_error(p.point -> 'longitude', true, -180, 180, 'bad')),
            ('accuracy', number_error(p.point -> 'accuracy', true, 0, 1e38, 'bad')),
            ('altitude', number_error(p.point -> 'altitude', false, -1e300, 1e300, 'bad')),
            ('bearing', number_error(p.point -> 'bearing', false, 0, 360, 'bad')),
            ('speed', number_error(p.point -> 'speed', false, 0, 1e38, 'bad')),
            ('battery_level', number_error(p.point -> 'battery_level', false, 0, 100, 'bad'))
        ) f(name, message)
        where f.message is not null);
end
$$;

-- The messages of a point become one array, which is taken apart only where it holds any.
create function errors_as_array(p_points jsonb) returns jsonb language plpgsql as $$
begin
    return (
        select jsonb_agg(jsonb_build_object('field', f.position, 'message', f.message))
        from (
            select p.position, array[
                number_error(p.point -> 'timestamp', true, 0, 4e12, 'bad'),
                number_error(p.point -> 'latitude', true, -90, 90, 'bad'),
                number_error(p.point -> 'longitude', true, -180, 180, 'bad'),
                number_error(p.point -> 'accuracy', true, 0, 1e38, 'bad'),
                number_error(p.point -> 'altitude', false, -1e300, 1e300, 'bad'),
                number_error(p.point -> 'bearing', false, 0, 360, 'bad'),
                number_error(p.point -> 'speed', false, 0, 1e38, 'bad'),
                number_error(p.point -> 'battery_level', false, 0, 100, 'bad')] as messages
            from jsonb_array_elements(p_points) with ordinality p(point, position)
            offset 0
        ) e
        cross join lateral unnest(e.messages) with ordinality f(message, position)
        where num_nonnulls(variadic e.messages) > 0 and f.message is not null);
end
$$;

create table points as
select jsonb_agg(jsonb_build_object(
    'timestamp', 1795362140217 + i, 'latitude', 45.5, 'longitude', 13.2, 'accuracy', 5.2, 'altitude', null,
    'bearing', null, 'speed', 1.5, 'battery_level', 50, 'provider', 'gps', 'network_type', null)) as batch
from generate_series(1, 50) i;
