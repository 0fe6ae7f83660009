-- api.list_devices, api.list_devices_many, core.group_listing

begin;
\ir fixtures.psql
select plan(24);

select pg_temp.function_is('api.list_devices(jsonb)', 'p_request jsonb', 'text', 'volatile definer', 'pm_api');
select pg_temp.function_is('api.list_devices_many(jsonb[])', 'p_requests jsonb[]', 'TABLE(request integer, answer text)', 'volatile definer', 'pm_api');
select pg_temp.function_is('core.group_listing(text)', 'p_group text', 'text', 'volatile', null);

set local pm.test_now = '2031-06-30 12:00:00.25+00';
create function pg_temp.list(p_group text default 'family') returns jsonb
language sql
return api.list_devices(jsonb_build_object('group_id', p_group))::jsonb -> 'devices';
create function pg_temp.names(p_group text default 'family') returns text[]
language sql
return array(select d ->> 'display_name' from jsonb_array_elements(pg_temp.list(p_group)) with ordinality e(d, n) order by n);
create function pg_temp.last_location() returns jsonb
language sql
return pg_temp.list() -> 0 -> 'last_location';

select is(api.list_devices('{"group_id": "nobody"}'), '{"devices" : []}', 'an unknown group has none');

select pg_temp.device(1) \g /dev/null
select is(
    api.list_devices('{"group_id": "family", "more": 1}'),
    '{"devices" : [{"device_id" : "00000000-0000-4000-8000-000000000001", "display_name" : "Phone 1", "last_location" : null, '
    '"last_seen_at" : "2031-06-30T12:00:00.250Z"}]}',
    'a device without location');

-- The last location: the greatest capture time, whatever the order.

create function pg_temp.upload(p_fields jsonb) returns void
language sql
begin atomic
    select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1))) || p_fields);
end;

select pg_temp.upload('{"timestamp": 1940587200000}') \g /dev/null
select is(
    pg_temp.last_location(),
    '{"latitude": 48.2, "longitude": 16.4, "accuracy": 5, "timestamp": "2031-06-30T12:00:00.000Z", "altitude": null, "bearing": null,
      "speed": null, "battery_level": null}',
    'a device with a location');
select pg_temp.upload('{"timestamp": 1940586200000, "latitude": 1}') \g /dev/null
select is(pg_temp.last_location() ->> 'latitude', '48.2', 'an older point does not change it');
select pg_temp.upload('{"timestamp": 1940587201000, "latitude": -33.8688197, "longitude": 151.2092955, "accuracy": 3.5, "altitude": -1.5,
    "bearing": 359.9, "speed": 33.3, "battery_level": 7}') \g /dev/null
select is(
    pg_temp.last_location(),
    '{"latitude": -33.8688197, "longitude": 151.2092955, "accuracy": 3.5, "timestamp": "2031-06-30T12:00:01.000Z", "altitude": -1.5,
      "bearing": 359.9, "speed": 33.3, "battery_level": 7}',
    'a newer one does, with all its fields');
select api.upload_locations(jsonb_build_object('device_id', pg_temp.id(1), 'locations', jsonb_build_array(
    pg_temp.point('{"timestamp": 1940587203000, "latitude": 3}'), pg_temp.point('{"timestamp": 1940587204000, "latitude": 4}'),
    pg_temp.point('{"timestamp": 1940587202000, "latitude": 2}')))) \g /dev/null
select is(pg_temp.last_location() ->> 'latitude', '4', 'of a batch, the newest');

-- Retention: nothing is cleaned up here.

set local pm.test_now = '2031-07-30 12:00:04+00';
select is(pg_temp.last_location() ->> 'latitude', '4', 'as old as the retention: shown');
set local pm.test_now = '2031-07-30 12:00:04.001+00';
select is(pg_temp.last_location(), 'null', 'past its retention: hidden');
select is(pg_temp.names(), array['Phone 1'], 'the device is still listed');

-- Order and membership.

select pg_temp.device(2), pg_temp.device(3), pg_temp.device(4), pg_temp.device(5), pg_temp.device(6, 'family', false), pg_temp.device(7, 'others')
\g /dev/null
update core.devices set display_name = 'Zoe' where device_id = pg_temp.id(2);
update core.devices set display_name = 'anna' where device_id = pg_temp.id(3);
update core.devices set display_name = 'Änna' where device_id = pg_temp.id(4);
update core.devices set display_name = 'Zoe' where device_id = pg_temp.id(1);
update core.devices set display_name = 'Bob' where device_id = pg_temp.id(5);
select is(
    pg_temp.names(), array['Bob', 'Zoe', 'Zoe', 'anna', 'Änna'], 'by name; inactive devices and other groups are not there');
select is(
    array[pg_temp.list() -> 1 ->> 'device_id', pg_temp.list() -> 2 ->> 'device_id'], array[pg_temp.id(1)::text, pg_temp.id(2)::text], 'then by id');
select is(pg_temp.names('Family'), '{}', 'the names of groups are exact');

update core.devices set display_name = E'a "b" \\\\ \t ü' where device_id = pg_temp.id(5);
select is(pg_temp.list() -> 2 ->> 'display_name', E'a "b" \\\\ \t ü', 'a name is escaped');

-- Several requests.

select results_eq(
    $$
        select request, answer
        from api.list_devices_many(array[
            '{"group_id": "others"}', '{"group_id": "a b"}', '{"group_id": "family"}', '5', '{}', '{"group_id": "nobody"}',
            '{"group_id": "others", "more": 1}']::jsonb[])
        order by request
    $$,
    $$
        select n, api.list_devices(jsonb_build_object('group_id', g))
        from (values (1, 'others'), (3, 'family'), (6, 'nobody'), (7, 'others')) t(n, g)
    $$,
    'each as alone; bad ones are left out');
select is((select count(*) from api.list_devices_many('{}')), 0::bigint, 'none');
select is(
    pg_temp.failure($$ select api.list_devices_many('{}') $$, 'pm_api'), null, 'pm_api may call it');

-- Cheap: the devices of the group by their index, nothing else but the one row of settings.

select pg_temp.device(n, 'group-' || n % 100) from generate_series(1001, 4000) n \g /dev/null
analyze core.devices;
set local enable_seqscan = off;
create function pg_temp.scans() returns text[]
language plpgsql
as $$
declare
    v_plan json;
begin
    execute 'explain (format json) select * from core.devices_with_last_location d where d.group_id = ''group-1'' and d.active' into v_plan;
    return array(
        select distinct coalesce(n ->> 'Index Name', n ->> 'Relation Name')
        from jsonb_path_query(v_plan::jsonb, 'strict $.**') n
        where n ?| array['Index Name', 'Relation Name']
        order by 1);
end
$$;
select is(pg_temp.scans(), array['devices', 'devices_group_listing', 'settings'], 'one index of core.devices');

-- Refusals.

select is(pg_temp.bad_fields(format('select api.list_devices(%L)', v)), '{group_id}', 'refused: ' || v)
from (values (1, '{}'), (2, '{"group_id": null}'), (3, '{"group_id": "a b"}')) t(n, v) order by n;
select is(pg_temp.failure($$ select api.list_devices('{"group_id": "family"}') $$, 'pm_api'), null, 'pm_api may call it');

select * from finish();
rollback;
