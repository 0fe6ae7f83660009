-- api.upload_location

begin;
\ir fixtures.psql
select plan(18);

select pg_temp.function_is('api.upload_location(jsonb, jsonb)',
    $$p_request jsonb, p_context jsonb DEFAULT '{}'::jsonb, OUT answer json, OUT replayed boolean, OUT counted integer$$, 'record', 'volatile definer', 'pm_api');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false) \g /dev/null
create function pg_temp.request(p_fields jsonb default '{}', p_device integer default 1) returns jsonb
language sql
return pg_temp.point(jsonb_build_object('device_id', pg_temp.id(p_device)) || p_fields);

select is(
    (select u::text from api.upload_location(pg_temp.request()) u),
    '("{""success"" : true, ""processed_count"" : 1}",f,1)', 'a point');
select is(
    (select u::text from api.upload_location(pg_temp.request()) u),
    '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",f,0)', 'the same point again');
select is(
    (select answer::text from api.upload_location(pg_temp.request('{"latitude": 1}'))),
    '{"success" : true, "processed_count" : 1, "duplicate_count" : 1}', 'a point is its device and time, whatever else it says');
select is((select array_agg(latitude) from core.locations), array[48.2]::core.latitude[], 'the first is stored, once');

select api.upload_location(pg_temp.request('{"timestamp": 1940587199999, "altitude": 170.25, "bearing": 12.5, "speed": 1.5, "provider": "fused",
    "network_type": "wifi", "battery_level": 55, "transportation_mode": "walk", "locations": []}')) \g /dev/null
select is(
    (select to_jsonb(l) from core.locations l where provider = 'fused'),
    '{"device_id": "00000000-0000-4000-8000-000000000001", "captured_at": "2031-06-30T11:59:59.999+00:00",
      "created_at": "2031-06-30T12:00:00+00:00", "latitude": 48.2, "longitude": 16.4, "altitude": 170.25, "accuracy": 5, "bearing": 12.5,
      "speed": 1.5, "battery_level": 55, "provider": "fused", "network_type": "wifi"}',
    'every field is stored');
select api.upload_location(pg_temp.request('{"timestamp": 1940587199998, "altitude": null, "bearing": null, "speed": null, "provider": null,
    "network_type": null, "battery_level": -1}')) \g /dev/null
select is(
    (
        select to_jsonb(l) - '{device_id,created_at,latitude,longitude,accuracy}'::text[]
        from core.locations l where captured_at = '2031-06-30 11:59:59.998+00'
    ),
    '{"captured_at": "2031-06-30T11:59:59.998+00:00", "altitude": null, "bearing": null, "speed": null, "battery_level": null,
      "provider": null, "network_type": null}',
    'null is absent, and so is a battery level of -1');

-- The ends of all ranges arrive in the table as they are.
select lives_ok(format('select api.upload_location(pg_temp.request(%L))', f), e)
from (values
    ('the low ends', '{"timestamp": 1937995200000, "latitude": -90, "longitude": -180, "accuracy": 0, "bearing": 0, "speed": 1e-400,
        "battery_level": 0, "altitude": -1.7976931348623157e308}'),
    ('the high ends', '{"timestamp": 1940587500000, "latitude": 90, "longitude": 180, "accuracy": 3.4028234e38, "bearing": 360,
        "speed": 3.4028234e38, "battery_level": 100, "altitude": 1.7976931348623157e308}')) t(e, f);

-- Refusals.

select is(
    pg_temp.failure($$ select api.upload_location('{"device_id": "x", "latitude": 91, "speed": -1}') $$),
    '{"sqlstate": "PT400", "message": "The request has invalid fields.", "hint": "", "detail": [
        {"field": "device_id", "message": "must be a UUID"},
        {"field": "timestamp", "message": "is required"},
        {"field": "latitude", "message": "must be a number from -90 to 90"},
        {"field": "longitude", "message": "is required"},
        {"field": "accuracy", "message": "is required"},
        {"field": "speed", "message": "must be a number, 0 or more, that fits a float4"}]}',
    'all errors at once');
select throws_ok(
    $$ select api.upload_location(pg_temp.request(p_device => 3)) $$, 'PT404', 'Device not found. Please register first.',
    'an unknown device');
select throws_ok(
    $$ select api.upload_location(pg_temp.request(p_device => 2)) $$, 'PT404', 'Device not found. Please register first.',
    'an inactive device');
select is(
    pg_temp.bad_fields($$ select api.upload_location(pg_temp.request('{"latitude": null}', 3)) $$), '{latitude}', 'bad data come before an unknown device');
select is(
    pg_temp.refusals('select api.upload_location(%L)', '[]', 'null', '"x"', '1', null),
    array['PT400 The request body must be a JSON object.'], 'no object');
select is((select count(*) from core.locations), 5::bigint, 'nothing of these is stored');

-- Who may call it.

select is(pg_temp.failure(format('select api.upload_location(%L)', pg_temp.request()), 'pm_api'), null, 'pm_api');
select is(pg_temp.failure('select api.upload_location(''{}'')', 'pm_admin') ->> 'sqlstate', '42501', 'not pm_admin');
select is(pg_temp.failure('select api.upload_location(''{}'')', 'pm_monitor') ->> 'sqlstate', '42501', 'not pm_monitor');

select * from finish();
rollback;
