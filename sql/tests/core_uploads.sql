-- core.read_points, core.parse_points, core.batch_error, core.upload_answer, core.store_points, core.store_locations

begin;
\ir fixtures.psql
select plan(53);

select pg_temp.function_is('core.read_points(jsonb[], timestamptz)', 'p_lists jsonb[], p_now timestamp with time zone',
    'core.point_columns', 'stable', null);
select pg_temp.function_is('core.parse_points(jsonb, text, jsonb)', 'p_points jsonb, p_prefix text, p_errors jsonb',
    'core.point_columns', 'volatile', null);
select pg_temp.function_is('core.batch_error(jsonb)', 'p_request jsonb', 'text', 'stable', null);
select pg_temp.function_is('core.upload_answer(integer, integer)', 'p_points integer, p_stored integer', 'json', 'stable', null);
select pg_temp.function_is('core.store_points(uuid[], core.point_columns, boolean)',
    'p_devices uuid[], p_points core.point_columns, p_all_new boolean DEFAULT false',
    'TABLE(request integer, points integer, stored integer)', 'volatile', null);
select pg_temp.function_is('core.store_locations(uuid, core.point_columns)',
    'p_device_id uuid, p_points core.point_columns, OUT answer json, OUT counted integer', 'record', 'volatile', null);

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00.5+00';

-- Points as columns, and back as rows.

create function pg_temp.parsed(p_points jsonb) returns setof text
language sql
begin atomic
    select p::text
    from core.parse_points((select jsonb_agg(pg_temp.point() || e) from jsonb_array_elements(p_points) e), null, '[]') c,
    lateral unnest(
        c.captured_at, c.latitude, c.longitude, c.altitude, c.accuracy, c.bearing, c.speed, c.battery_level, c.provider, c.network_type) p;
end;

select is(
    array(select pg_temp.parsed('[
        {"timestamp": 1940587200123, "latitude": 48.2, "longitude": -16.4, "accuracy": 5, "altitude": -3.5, "bearing": 360, "speed": 0.25,
         "battery_level": 80, "provider": "gps", "network_type": "5G", "trip_id": {}},
        {"timestamp": 1940587200000.0, "latitude": 90, "longitude": 180, "accuracy": 0, "altitude": null, "provider": null}]')),
    array['("2031-06-30 12:00:00.123+00",48.2,-16.4,-3.5,5,360,0.25,80,gps,5G)', '("2031-06-30 12:00:00+00",90,180,,0,,,,,)'],
    'every field, and none of the optional ones');
select is(
    (core.parse_points(
        jsonb_build_array(
            pg_temp.point('{"battery_level": -1}'), pg_temp.point('{"battery_level": -2147483648}'),
            pg_temp.point('{"battery_level": 0}'), pg_temp.point('{"battery_level": 100.0}')),
        null, '[]')).battery_level::smallint[],
    array[null, null, 0, 100]::smallint[], 'a battery level that Android does not know is null');
select is(
    (core.parse_points(jsonb_build_array(pg_temp.point('{"accuracy": 1e-300}'), pg_temp.point('{"accuracy": 3.4028234e38}')), null, '[]')
    ).accuracy::real[],
    array[0, 3.4028234e38]::real[], 'numbers at the ends of a float4');
select is_empty(
    $$
    select ms from generate_series(1940587200000, 1940587200999) ms
    where (core.parse_points(jsonb_build_array(pg_temp.point(jsonb_build_object('timestamp', ms))), null, '[]')).captured_at[1]
        <> timestamptz '2031-06-30 12:00:00+00' + make_interval(secs => (ms - 1940587200000) / 1000.0)
    $$,
    'each millisecond is exact');

select is(
    (
        select array_agg(format('%s: %s', r, to_char(c, 'HH24:MI')) order by n)
        from core.read_points(
            array[
                jsonb_build_array(pg_temp.point('{"timestamp": 1940587260000}'), pg_temp.point('{"timestamp": 1940587200000}')),
                '[]',
                jsonb_build_array(pg_temp.point('{"timestamp": 1940587320000}'))],
            core.now()) p
        cross join lateral unnest(p.request, p.captured_at) with ordinality u(r, c, n)
    ),
    '{"1: 12:01","1: 12:00","3: 12:02"}', 'points of several requests, in their order');
select is((core.read_points(array['[]'::jsonb], core.now())).request, null, 'no points at all');
select throws_ok(
    $$ select core.read_points(array[jsonb_build_array(pg_temp.point()), jsonb_build_array(pg_temp.point('{"speed": "5"}'))], core.now()) $$,
    '22023', null, 'one that is of another type fails all');
select throws_ok(
    $$ select core.read_points(array[jsonb_build_array(pg_temp.point('{"timestamp": 1940500800000.5}'))], core.now()) $$,
    '22000', 'A point breaks a rule.', 'one that breaks a rule fails all');

-- Batches and answers.

select is(
    array(
        select core.batch_error(b)
        from unnest(array[
            '{}', '{"locations": null}', '{"locations": {}}', '{"locations": []}', '{"locations": [1]}', '[]', '5',
            jsonb_build_object('locations', to_jsonb(array_fill(1, array[50]))), jsonb_build_object('locations', to_jsonb(array_fill(1, array[51])))
        ]::jsonb[]) with ordinality u(b, n) order by n),
    array['is required', 'is required', 'must be an array', 'must hold 1 to 50 points', null, 'is required', 'is required', null,
        'must hold 1 to 50 points'],
    'what is wrong with a batch');
select is(core.upload_answer(5, 5)::text, '{"success" : true, "processed_count" : 5}', 'all were new');
select is(core.upload_answer(5, 3)::text, '{"success" : true, "processed_count" : 5, "duplicate_count" : 2}', 'not all were new');

-- Whatever core.location_errors objects to is refused, and nothing else: the strict reading and the search for what to
-- tell know the same rules.

create temporary table value as
select f.name, v.value
from unnest(array[
    'timestamp', 'latitude', 'longitude', 'accuracy', 'altitude', 'bearing', 'speed', 'battery_level', 'provider', 'network_type', 'trip_id'
]) f(name)
cross join jsonb_array_elements(jsonb '[
    null, true, "", "45", "NaN", "gps", [], [45], {}, 0, -0.0, 0.5, 1, 45, 100, 100.0, 101, 360, 360.000001, -1, -2, -90, -90.5, 180, 181, -180,
    -2147483648, 1e400, -1e400, 1e-400, 3.4028234e38, 3.4028235e38, 3.40282357e38, 3.5e38, -1e-38, -1e-70, 90.00000000000000001, 1.7e308, 1.8e308, 1940587200000, 1940587200000.5, 1937995200499, 1937995200500,
    1940587500500, 1940587500501]') v(value)
union all
select f.name, to_jsonb(repeat('x', n)) from unnest(array['provider', 'network_type', 'latitude']) f(name), unnest(array[50, 51]) n;

select is_empty(
    $$
    select v.name, v.value
    from value v
    cross join lateral (select jsonb_build_array(pg_temp.point() || jsonb_build_object(v.name, v.value)) as points) p
    where pg_temp.failure(format('select core.parse_points(%L, null, ''[]'')', p.points)) ->> 'detail'
        is distinct from nullif(core.location_errors(p.points, null)::text, '[]')
    $$,
    'refused exactly where there is something to tell');
select is_empty(
    $$
    select f from unnest(array['timestamp', 'latitude', 'longitude', 'accuracy']) f
    where pg_temp.failure(format('select core.parse_points(%L, null, ''[]'')', jsonb_build_array(pg_temp.point() - f))) is null
    $$,
    'a required field that is absent');
select is(
    pg_temp.failure($$ select core.parse_points('[5]', 'locations', '[{"field": "device_id", "message": "is required"}]') $$) ->> 'detail',
    '[{"field": "device_id", "message": "is required"}, {"field": "locations[0]", "message": "must be an object"}]',
    'what else is wrong comes first');

set local pm.test_now = '2031-06-30 12:30:00.5+00';

-- Storing them. A point here is {"timestamp"} in minutes after 12:00, with its minute as latitude.

create function pg_temp.upload(variadic p_minutes integer[]) returns jsonb
language sql
return (core.store_locations(pg_temp.id(1), core.parse_points(
    (
        select jsonb_agg(pg_temp.point(jsonb_build_object('timestamp', 1940587200000 + m * 60000, 'latitude', m, 'battery_level', m)) order by n)
        from unnest(p_minutes) with ordinality e(m, n)
    ), null, '[]'))).answer::jsonb;
create function pg_temp.last() returns text
language sql
return (
    select concat_ws(' ', to_char(d.last_captured_at, 'HH24:MI'), d.last_latitude, d.last_battery_level)
    from core.devices d where d.device_id = pg_temp.id(1));

select pg_temp.device(1), pg_temp.device(2, p_active => false) \g /dev/null
update core.devices set last_seen_at = '2031-06-01', updated_at = '2031-06-01';

select is(pg_temp.upload(10), '{"success": true, "processed_count": 1}', 'one point');
select is(pg_temp.last(), '12:10 10 10', 'it is the last location');
select is(pg_temp.upload(11, 13, 12), '{"success": true, "processed_count": 3}', 'three points');
select is(pg_temp.last(), '12:13 13 13', 'the newest is the last location, wherever it stands');
select is(pg_temp.upload(5, 7), '{"success": true, "processed_count": 2}', 'points that come late');
select is(pg_temp.last(), '12:13 13 13', 'do not change it');
select is(pg_temp.upload(6, 14), '{"success": true, "processed_count": 2}', 'one late, one new');
select is(pg_temp.last(), '12:14 14 14', 'the new one counts');
select is((select count(*) from core.locations), 8::bigint, 'all are stored');

-- Duplicates.

select is(pg_temp.upload(10), '{"success": true, "processed_count": 1, "duplicate_count": 1}', 'a point that was sent before');
select is(pg_temp.upload(11, 20, 12), '{"success": true, "processed_count": 3, "duplicate_count": 2}', 'among new ones');
select is(pg_temp.upload(21, 21, 21), '{"success": true, "processed_count": 3, "duplicate_count": 2}', 'within one upload');
select is((select count(*) from core.locations), 10::bigint, 'none is stored twice');
select is(pg_temp.last(), '12:21 21 21', 'last location');

select core.store_locations(pg_temp.id(1), core.parse_points(jsonb_build_array(
    pg_temp.point('{"timestamp": 1940589000000, "latitude": 1}'), pg_temp.point('{"timestamp": 1940589000000, "latitude": 2}')), null, '[]'))
\g /dev/null
select core.store_locations(pg_temp.id(1), core.parse_points(jsonb_build_array(
    pg_temp.point('{"timestamp": 1940589000000, "latitude": 3}')), null, '[]')) \g /dev/null
select is((select latitude from core.locations where captured_at = '2031-06-30 12:30:00+00'), 1::core.latitude,
    'of points of one time that differ, the first stays');
select is(pg_temp.last(), '12:30 1', 'and is the last location');

-- The device.

select is((select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 12:30:00.5+00', 'it was seen now');
select is(
    (select updated_at from core.devices where device_id = pg_temp.id(1)), '2031-06-01', 'its registration was not changed');
update core.devices set last_seen_at = '2031-06-01';
select pg_temp.upload(10) \g /dev/null
select is(
    (select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 12:30:00.5+00',
    'duplicates show that it lives');
select is((select last_seen_at from core.devices where device_id = pg_temp.id(2)), '2031-06-01', 'another device was not seen');

select is(
    (select d::text from (select created_at, altitude, bearing, speed, provider, network_type from core.locations
        where captured_at = '2031-06-30 12:10:00+00') d),
    '("2031-06-30 12:30:00.5+00",,,,,)', 'when a point was stored; what it does not have is null');

-- A newer location without optional fields clears those of the older one.
select core.store_locations(pg_temp.id(1), core.parse_points(jsonb_build_array(pg_temp.point(
    '{"timestamp": 1940589060000, "altitude": 1, "bearing": 2, "speed": 3, "battery_level": 4}')), null, '[]')) \g /dev/null
select is((select (last_altitude, last_bearing, last_speed, last_battery_level)::text from core.devices where device_id = pg_temp.id(1)),
    '(1,2,3,4)', 'the last location has all fields of the point');
select core.store_locations(pg_temp.id(1), core.parse_points(jsonb_build_array(pg_temp.point('{"timestamp": 1940589120000}')), null, '[]'))
\g /dev/null
select is((select (last_altitude, last_bearing, last_speed, last_battery_level)::text from core.devices where device_id = pg_temp.id(1)),
    '(,,,)', 'and only those');

-- How many were new; of several requests at once.

select is(
    (core.store_locations(pg_temp.id(1), core.parse_points(jsonb_build_array(
        pg_temp.point('{"timestamp": 1940587200000}'), pg_temp.point('{"timestamp": 1940587260000}'),
        pg_temp.point('{"timestamp": 1940589120000}')), null, '[]'))).counted,
    2, 'only new points are counted');

select pg_temp.device(4), pg_temp.device(5) \g /dev/null
select is(
    array(
        select s::text
        from core.store_points(
            array[pg_temp.id(5), null, pg_temp.id(4), pg_temp.id(1)],
            core.read_points(
                array[
                    jsonb_build_array(pg_temp.point('{"timestamp": 1940587260000, "latitude": 1}'),
                        pg_temp.point('{"timestamp": 1940587200000, "latitude": 2}')),
                    jsonb_build_array(pg_temp.point()),
                    jsonb_build_array(pg_temp.point('{"timestamp": 1940587200000, "latitude": 3}')),
                    jsonb_build_array(pg_temp.point('{"timestamp": 1940587200000}'), pg_temp.point('{"timestamp": 1940587230000}'))],
                core.now())) s
        order by s.request),
    array['(1,2,2)', '(3,1,1)', '(4,2,1)'], 'each request has its counts; one without a device is left out');
select is(
    array(
        select format('%s %s %s', right(d.device_id::text, 1), to_char(d.last_captured_at, 'HH24:MI'), d.last_latitude)
        from core.devices d where d.active and d.last_seen_at = core.now() order by 1),
    array['1 12:32 48.2', '4 12:00 3', '5 12:01 1'], 'each device has its newest point');
select is(
    array(select format('%s %s', right(l.device_id::text, 1), count(*)) from core.locations l where l.device_id in (pg_temp.id(4), pg_temp.id(5))
        group by l.device_id order by 1),
    array['4 1', '5 2'], 'and its points');
select is((select count(*) from core.store_points(array[null::uuid], core.read_points(array[jsonb_build_array(pg_temp.point())], core.now()))),
    0::bigint, 'nothing to store');

-- Where the caller believes that all are new, nobody looks for them first.

select is(
    array(
        select s::text
        from core.store_points(
            array[pg_temp.id(5), null, pg_temp.id(4)],
            core.read_points(
                array[
                    jsonb_build_array(pg_temp.point('{"timestamp": 1940587320000}'), pg_temp.point('{"timestamp": 1940587380000}')),
                    jsonb_build_array(pg_temp.point()),
                    jsonb_build_array(pg_temp.point('{"timestamp": 1940587320000}'))],
                core.now()),
            true) s
        order by s.request),
    array['(1,2,2)', '(3,1,1)'], 'points that are surely new are counted likewise');
select throws_ok(
    $$ select core.store_points(array[pg_temp.id(5)],
        core.read_points(array[jsonb_build_array(pg_temp.point('{"timestamp": 1940587320000}'))], core.now()), true) $$,
    '23505', null, 'one that is there after all fails all');

-- No device.

select throws_ok($$ select core.store_locations(pg_temp.id(2), core.parse_points(jsonb_build_array(pg_temp.point()), null, '[]')) $$,
    'PT404', 'Device not found. Please register first.', 'an inactive device');
select throws_ok($$ select core.store_locations(pg_temp.id(3), core.parse_points(jsonb_build_array(pg_temp.point()), null, '[]')) $$,
    'PT404', 'Device not found. Please register first.', 'an unknown device');
select is((select count(*) from core.locations where device_id in (pg_temp.id(2), pg_temp.id(3))), 0::bigint, 'nothing of theirs is stored');

select * from finish();
rollback;
