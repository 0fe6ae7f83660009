-- api.upload_locations

begin;
\ir fixtures.psql
select plan(22);

select pg_temp.function_is('api.upload_locations(jsonb, jsonb)',
    $$p_request jsonb, p_context jsonb DEFAULT '{}'::jsonb, OUT answer json, OUT replayed boolean, OUT counted integer$$, 'record', 'volatile definer', 'pm_api');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false) \g /dev/null
-- A batch of so many points, a second apart, the latest now, some of them changed.
create function pg_temp.batch(p_count integer, p_changes jsonb default '{}') returns jsonb
language sql
return jsonb_build_object('device_id', pg_temp.id(1), 'locations', (
    select coalesce(jsonb_agg(
        pg_temp.point(jsonb_build_object('timestamp', 1940587200000 - (p_count - n) * 1000)) || coalesce(p_changes -> (n - 1)::text, '{}')
        order by n), '[]')
    from generate_series(1, p_count) n));
create function pg_temp.answer(p_request jsonb) returns text
language sql
return (select u::text from api.upload_locations(p_request) u);

select is(pg_temp.answer(pg_temp.batch(1)), '("{""success"" : true, ""processed_count"" : 1}",f,1)', 'one point');
select is(
    pg_temp.answer(pg_temp.batch(50)), '("{""success"" : true, ""processed_count"" : 50, ""duplicate_count"" : 1}",f,49)',
    '50 points, one of them sent before');
select is((select count(*) from core.locations), 50::bigint, 'each is stored once');
select is(
    pg_temp.answer(pg_temp.batch(12)), '("{""success"" : true, ""processed_count"" : 12, ""duplicate_count"" : 12}",f,0)',
    'all sent before');
select is(
    pg_temp.answer(pg_temp.batch(3, '{"0": {"timestamp": 1940500000000}, "1": {"timestamp": 1940500000000}}')),
    '("{""success"" : true, ""processed_count"" : 3, ""duplicate_count"" : 2}",f,1)', 'duplicates within a batch, and of one before');
select is(
    pg_temp.answer(jsonb_build_object('device_id', pg_temp.id(1), 'locations', jsonb_build_array(
        pg_temp.point(jsonb_build_object('device_id', pg_temp.id(2), 'timestamp', 1940400000000)),
        pg_temp.point('{"device_id": 5, "timestamp": 1940400000001}')))),
    '("{""success"" : true, ""processed_count"" : 2}",f,2)', 'a device_id inside a point is ignored');
select is((select count(*) from core.locations where device_id = pg_temp.id(1)), 53::bigint, 'those are of the batch''s device');

-- How many.

select is(
    pg_temp.failure(format('select api.upload_locations(%L)', pg_temp.batch(0))) -> 'detail',
    '[{"field": "locations", "message": "must hold 1 to 50 points"}]', 'no points');
select is(
    pg_temp.failure(format('select api.upload_locations(%L)', pg_temp.batch(51))) -> 'detail',
    '[{"field": "locations", "message": "must hold 1 to 50 points"}]', '51 points');
update core.settings set max_batch_size = 51;
select lives_ok(format('select api.upload_locations(%L)', pg_temp.batch(51)), 'the setting counts');
select is(
    pg_temp.failure($$ select api.upload_locations(pg_temp.batch(1) - 'locations') $$) -> 'detail',
    '[{"field": "locations", "message": "is required"}]', 'no field locations');
select is(
    array(
        select distinct pg_temp.failure(format('select api.upload_locations(%L)', pg_temp.batch(1) || jsonb_build_object('locations', v))) -> 'detail'
        from unnest(array['{}', '"x"', '1']::jsonb[]) v),
    array['[{"field": "locations", "message": "must be an array"}]'::jsonb], 'no array');
select is(
    pg_temp.bad_fields($$ select api.upload_locations('{"device_id": null, "locations": null}') $$), '{device_id,locations}', 'both errors at once');

-- All or nothing.

delete from core.locations;
update core.devices set last_seen_at = '2031-06-01';
select is(
    pg_temp.failure(format('select api.upload_locations(%L)',
        pg_temp.batch(5, '{"1": {"latitude": 91, "speed": "fast"}, "3": {"latitude": null}, "4": {"battery_level": 101}}'))),
    '{"sqlstate": "PT400", "message": "The request has invalid fields.", "hint": "", "detail": [
        {"field": "locations[1].latitude", "message": "must be a number from -90 to 90"},
        {"field": "locations[1].speed", "message": "must be a number, 0 or more, that fits a float4"},
        {"field": "locations[3].latitude", "message": "is required"},
        {"field": "locations[4].battery_level", "message": "must be an integer from 0 to 100"}]}',
    'every bad field of every point');
select is(
    pg_temp.bad_fields(format('select api.upload_locations(%L)',
        jsonb_build_object('device_id', 'x', 'locations', jsonb_build_array(1, null, pg_temp.point(), '[]'::jsonb)))),
    '{device_id,locations[0],locations[1],locations[3]}', 'points that are no objects');
select is((select count(*) from core.locations), 0::bigint, 'one bad point refuses the batch');
select is((select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-01', 'and the device was not seen');

-- The device.

select throws_ok(
    $$ select api.upload_locations(pg_temp.batch(1) || jsonb_build_object('device_id', pg_temp.id(3))) $$,
    'PT404', 'Device not found. Please register first.', 'an unknown device');
select throws_ok(
    $$ select api.upload_locations(pg_temp.batch(1) || jsonb_build_object('device_id', pg_temp.id(2))) $$,
    'PT404', 'Device not found. Please register first.', 'an inactive device');
select is(
    pg_temp.bad_fields(format('select api.upload_locations(%L)',
        pg_temp.batch(1, '{"0": {"latitude": 91}}') || jsonb_build_object('device_id', pg_temp.id(3)))),
    '{locations[0].latitude}', 'bad data come before an unknown device');
select is(
    pg_temp.refusals('select api.upload_locations(%L)', '[]', 'null', '"x"', null),
    array['PT400 The request body must be a JSON object.'], 'no object');

select * from finish();
rollback;
