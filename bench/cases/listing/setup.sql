-- Is a listing's JSON put together faster as text than by the functions for JSON?

create function rfc3339(p_time timestamptz) returns text language sql stable
return to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

create table devices (
    device_id uuid primary key,
    display_name text,
    group_id text,
    last_seen_at timestamptz,
    last_captured_at timestamptz,
    latitude float8,
    longitude float8,
    altitude float8,
    accuracy float4,
    bearing float4,
    speed float4,
    battery_level smallint
) with (fillfactor = 60);
create index on devices (group_id, display_name, device_id);
insert into devices
select gen_random_uuid(), 'Phone ' || i, 'group-' || i / 20, now(), now(), 45.27318, 13.71 + i, 124.3, 6.5, 212.5, null, i % 100
from generate_series(0, 1019) i;

create function listing_by_json_functions(p_group text) returns json language plpgsql
as $$
begin
    return json_build_object('devices', coalesce(
        (
            select json_agg(
                json_build_object(
                    'device_id', d.device_id,
                    'display_name', d.display_name,
                    'last_location', case when d.last_captured_at is not null then json_build_object(
                        'latitude', d.latitude,
                        'longitude', d.longitude,
                        'accuracy', d.accuracy,
                        'timestamp', rfc3339(d.last_captured_at),
                        'altitude', d.altitude,
                        'bearing', d.bearing,
                        'speed', d.speed,
                        'battery_level', d.battery_level) end,
                    'last_seen_at', rfc3339(d.last_seen_at))
                order by d.display_name, d.device_id)
            from devices d
            where d.group_id = p_group
        ),
        '[]'));
end
$$;

create function listing_by_format(p_group text) returns text language plpgsql
as $$
begin
    return (
        select '{"devices" : [' || coalesce(string_agg(l.device, ', '), '') || ']}'
        from (
            select format(
                '{"device_id" : "%s", "display_name" : %s, "last_location" : %s, "last_seen_at" : "%s"}',
                d.device_id,
                to_json(d.display_name),
                case when d.last_captured_at is null then 'null' else format(
                    '{"latitude" : %s, "longitude" : %s, "accuracy" : %s, "timestamp" : "%s", "altitude" : %s, "bearing" : %s, '
                    '"speed" : %s, "battery_level" : %s}',
                    d.latitude, d.longitude, d.accuracy, rfc3339(d.last_captured_at), coalesce(d.altitude::text, 'null'),
                    coalesce(d.bearing::text, 'null'), coalesce(d.speed::text, 'null'), coalesce(d.battery_level::text, 'null')) end,
                rfc3339(d.last_seen_at)) as device
            from devices d
            where d.group_id = p_group
            order by d.display_name, d.device_id
        ) l);
end
$$;

do $$ begin assert listing_by_json_functions('group-7')::text = listing_by_format('group-7'); end $$;
vacuum analyze devices;
