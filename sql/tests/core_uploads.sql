-- core.points, core.store_locations

begin;
\ir fixtures.psql
select plan(32);

select pg_temp.function_is('core.points(jsonb)', 'p_points jsonb',
    'TABLE(captured_at timestamp with time zone, latitude double precision, longitude double precision, altitude double precision, '
    'accuracy real, bearing real, speed real, battery_level smallint, provider text, network_type text)', 'stable', null);
select pg_temp.function_is('core.store_locations(uuid, jsonb)', 'p_device_id uuid, p_points jsonb', 'json', 'volatile', null);

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00.5+00';

-- Points as rows.

select is(
    array(select p::text from core.points('[
        {"timestamp": 1940587200123, "latitude": 48.2, "longitude": -16.4, "accuracy": 5, "altitude": -3.5, "bearing": 360, "speed": 0.25,
         "battery_level": 80, "provider": "gps", "network_type": "5G", "trip_id": {}},
        {"timestamp": 1940587200000.0, "latitude": 90, "longitude": 180, "accuracy": 0}]') p),
    array['("2031-06-30 12:00:00.123+00",48.2,-16.4,-3.5,5,360,0.25,80,gps,5G)', '("2031-06-30 12:00:00+00",90,180,,0,,,,,)'],
    'every field, and none of the optional ones');
select is(
    array(
        select battery_level
        from core.points('[{"battery_level": -1}, {"battery_level": -2147483648}, {"battery_level": 0}, {"battery_level": 100.0}]')),
    array[null, null, 0, 100]::smallint[], 'a battery level that Android does not know is null');
select is(
    array(select p.accuracy from core.points('[{"accuracy": 1e-300}, {"accuracy": 3.4028234e38}]') p),
    array[0, 3.4028234e38]::real[], 'numbers at the ends of a float4');
select is_empty(
    $$
    select ms from generate_series(1940587200000, 1940587200999) ms
    where (select captured_at from core.points(jsonb_build_array(jsonb_build_object('timestamp', ms))))
        <> timestamptz '2031-06-30 12:00:00+00' + make_interval(secs => (ms - 1940587200000) / 1000.0)
    $$,
    'each millisecond is exact');

-- Storing them. A point here is {"timestamp"} in minutes after 12:00, with its minute as latitude.

create function pg_temp.upload(variadic p_minutes integer[]) returns jsonb
language sql
return core.store_locations(pg_temp.id(1), (
    select jsonb_agg(pg_temp.point(jsonb_build_object('timestamp', 1940587200000 + m * 60000, 'latitude', m, 'battery_level', m)) order by n)
    from unnest(p_minutes) with ordinality e(m, n)))::jsonb;
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

select core.store_locations(pg_temp.id(1), jsonb_build_array(
    pg_temp.point('{"timestamp": 1940589000000, "latitude": 1}'), pg_temp.point('{"timestamp": 1940589000000, "latitude": 2}'))) \g /dev/null
select core.store_locations(pg_temp.id(1), jsonb_build_array(pg_temp.point('{"timestamp": 1940589000000, "latitude": 3}'))) \g /dev/null
select is((select latitude from core.locations where captured_at = '2031-06-30 12:30:00+00'), 1::core.latitude,
    'of points of one time that differ, the first stays');
select is(pg_temp.last(), '12:30 1', 'and is the last location');

-- The device.

select is((select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 12:00:00.5+00', 'it was seen now');
select is(
    (select updated_at from core.devices where device_id = pg_temp.id(1)), '2031-06-01', 'its registration was not changed');
update core.devices set last_seen_at = '2031-06-01';
select pg_temp.upload(10) \g /dev/null
select is(
    (select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 12:00:00.5+00',
    'duplicates show that it lives');
select is((select last_seen_at from core.devices where device_id = pg_temp.id(2)), '2031-06-01', 'another device was not seen');

select is(
    (select d::text from (select created_at, altitude, bearing, speed, provider, network_type from core.locations
        where captured_at = '2031-06-30 12:10:00+00') d),
    '("2031-06-30 12:00:00.5+00",,,,,)', 'when a point was stored; what it does not have is null');

-- A newer location without optional fields clears those of the older one.
select core.store_locations(pg_temp.id(1), jsonb_build_array(pg_temp.point(
    '{"timestamp": 1940589060000, "altitude": 1, "bearing": 2, "speed": 3, "battery_level": 4}'))) \g /dev/null
select is((select (last_altitude, last_bearing, last_speed, last_battery_level)::text from core.devices where device_id = pg_temp.id(1)),
    '(1,2,3,4)', 'the last location has all fields of the point');
select core.store_locations(pg_temp.id(1), jsonb_build_array(pg_temp.point('{"timestamp": 1940589120000}'))) \g /dev/null
select is((select (last_altitude, last_bearing, last_speed, last_battery_level)::text from core.devices where device_id = pg_temp.id(1)),
    '(,,,)', 'and only those');

-- No device.

select throws_ok($$ select core.store_locations(pg_temp.id(2), jsonb_build_array(pg_temp.point())) $$,
    'PT404', 'Device not found. Please register first.', 'an inactive device');
select throws_ok($$ select core.store_locations(pg_temp.id(3), jsonb_build_array(pg_temp.point())) $$,
    'PT404', 'Device not found. Please register first.', 'an unknown device');
select is((select count(*) from core.locations where device_id <> pg_temp.id(1)), 0::bigint, 'nothing of theirs is stored');

select * from finish();
rollback;
