-- core.store_together, and what calls it: api.upload_location_many, api.upload_locations_many

begin;
\ir fixtures.psql
select plan(22);

select pg_temp.function_is('core.store_together(uuid[], jsonb[])', 'p_devices uuid[], p_lists jsonb[]',
    'TABLE(request integer, answer json, counted integer)', 'volatile', null);
select pg_temp.function_is('api.upload_location_many(jsonb[])', 'p_requests jsonb[]',
    'TABLE(request integer, answer json, counted integer)', 'volatile definer', 'pm_api');
select pg_temp.function_is('api.upload_locations_many(jsonb[])', 'p_requests jsonb[]',
    'TABLE(request integer, answer json, counted integer)', 'volatile definer', 'pm_api');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(n) from generate_series(1, 4) n \g /dev/null
select pg_temp.device(5, p_active => false) \g /dev/null

create function pg_temp.single(p_device integer, p_fields jsonb default '{}') returns jsonb
language sql volatile
return pg_temp.point() || jsonb_build_object('device_id', pg_temp.id(p_device)) || p_fields;
create function pg_temp.batch(p_device integer, variadic p_points jsonb[]) returns jsonb
language sql volatile
return jsonb_build_object('device_id', pg_temp.id(p_device), 'locations', to_jsonb(p_points));
create function pg_temp.singles(variadic p_requests jsonb[]) returns setof text
language sql
begin atomic
    select format('%s %s %s', s.request, s.answer, s.counted) from api.upload_location_many(p_requests) s order by s.request;
end;
create function pg_temp.batches(variadic p_requests jsonb[]) returns setof text
language sql
begin atomic
    select format('%s %s %s', s.request, s.answer, s.counted) from api.upload_locations_many(p_requests) s order by s.request;
end;

-- Points, each of a device of its own.

select is(
    array(select pg_temp.singles(pg_temp.single(2), pg_temp.single(1), pg_temp.single(3, '{"trip_id": "x", "locations": 5}'))),
    array['1 {"success" : true, "processed_count" : 1} 1', '2 {"success" : true, "processed_count" : 1} 1',
        '3 {"success" : true, "processed_count" : 1} 1'],
    'all are stored');
select is(
    array(select pg_temp.singles(pg_temp.single(1), pg_temp.single(4))),
    array['1 {"success" : true, "processed_count" : 1, "duplicate_count" : 1} 0', '2 {"success" : true, "processed_count" : 1} 1'],
    'a duplicate among them');
select is((select count(*) from core.locations), 4::bigint, 'each point once');
select is(
    array(
        select pg_temp.singles(
            pg_temp.single(5), pg_temp.single(6), pg_temp.single(1, '{"device_id": "x"}'), pg_temp.single(1, '{"device_id": 5}'),
            pg_temp.single(1) - 'device_id', pg_temp.single(2, '{"timestamp": 1940587100000}'))),
    array['6 {"success" : true, "processed_count" : 1} 1'],
    'an inactive, an unknown and a bad device are left out');
select is(
    array(
        select pg_temp.singles(
            pg_temp.single(3, '{"timestamp": 1940587000000, "latitude": 1}'), pg_temp.single(3, '{"timestamp": 1940587000000, "latitude": 2}'),
            pg_temp.single(3, '{"timestamp": 1940587000001}'))),
    array['1 {"success" : true, "processed_count" : 1} 1'],
    'of one device, the first');
select is((select count(*) from core.locations where device_id = pg_temp.id(3)), 2::bigint, 'and not the others');
select throws_ok(
    $$ select pg_temp.singles(pg_temp.single(1, '{"timestamp": 1940586000000}'), pg_temp.single(2, '{"latitude": 91}')) $$,
    '23514', null, 'one bad point fails all');
select throws_ok($$ select pg_temp.singles(pg_temp.single(1, '{"timestamp": 1940586000000}'), '5') $$, '22000', 'A point breaks a rule.', 'as does one that is no object');
select is((select count(*) from core.locations where captured_at = '2031-06-30 11:40:00+00'), 0::bigint, 'then nothing is stored');
select is((select count(*) from api.upload_location_many('{}')), 0::bigint, 'none');

-- Batches.

select is(
    array(
        select pg_temp.batches(
            pg_temp.batch(2, pg_temp.point(), pg_temp.point('{"timestamp": 1940580000000}'), pg_temp.point('{"timestamp": 1940580000001}')),
            pg_temp.batch(1, pg_temp.point('{"timestamp": 1940580000000}')))),
    array['1 {"success" : true, "processed_count" : 3, "duplicate_count" : 1} 2', '2 {"success" : true, "processed_count" : 1} 1'],
    'all are stored');
select is(
    array(
        select pg_temp.batches(
            jsonb_build_object('device_id', pg_temp.id(1)), jsonb_build_object('device_id', pg_temp.id(2), 'locations', '[]'::jsonb),
            jsonb_build_object('device_id', pg_temp.id(3), 'locations', to_jsonb(array_fill(pg_temp.point(), array[51]))), '5', '[]',
            pg_temp.batch(4, pg_temp.point('{"timestamp": 1940580000000}')))),
    array['6 {"success" : true, "processed_count" : 1} 1'],
    'what is no batch is left out');
select throws_ok(
    $$ select pg_temp.batches(pg_temp.batch(1, pg_temp.point('{"timestamp": 1940586000000}')), pg_temp.batch(2, '{}')) $$,
    '22000', 'A point breaks a rule.', 'one bad point fails all');
select is((select count(*) from core.locations where captured_at = '2031-06-30 11:40:00+00'), 0::bigint, 'then nothing is stored');

-- Whether all points are surely new decides whether anybody looks for them first: the answers do not tell, but a point
-- that stands there without its device's knowing does.

update core.devices set last_captured_at = null where device_id = pg_temp.id(3);
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
values (pg_temp.id(4), '2031-06-30 12:04:00+00', 1, 2, 3);
select throws_ok(
    $$
    select pg_temp.batches(
        pg_temp.batch(4, pg_temp.point('{"timestamp": 1940587440000}')), pg_temp.batch(2, pg_temp.point('{"timestamp": 1940587200001}')))
    $$,
    '23505', null, 'newer than the last locations of all: nobody looks');
select is(
    array(
        select pg_temp.batches(
            pg_temp.batch(4, pg_temp.point('{"timestamp": 1940587440000}')), pg_temp.batch(3, pg_temp.point('{"timestamp": 1940587200001}')))),
    array['1 {"success" : true, "processed_count" : 1, "duplicate_count" : 1} 0', '2 {"success" : true, "processed_count" : 1} 1'],
    'not where a last location is unknown');
select is(
    array(
        select pg_temp.batches(
            pg_temp.batch(1, pg_temp.point('{"timestamp": 1940587250000}'), pg_temp.point('{"timestamp": 1940587250000}')),
            pg_temp.batch(2, pg_temp.point('{"timestamp": 1940587250000}')))),
    array['1 {"success" : true, "processed_count" : 2, "duplicate_count" : 1} 1', '2 {"success" : true, "processed_count" : 1} 1'],
    'nor where two points of one batch have the same time');
select is(
    array(
        select pg_temp.batches(
            pg_temp.batch(1, pg_temp.point('{"timestamp": 1940587250000}'), pg_temp.point('{"timestamp": 1940587260000}')),
            pg_temp.batch(2, pg_temp.point('{"timestamp": 1940587260000}')))),
    array['1 {"success" : true, "processed_count" : 2, "duplicate_count" : 1} 1', '2 {"success" : true, "processed_count" : 1} 1'],
    'nor where one is as old as a last location');
select is(
    array(
        select pg_temp.batches(
            pg_temp.batch(1, pg_temp.point('{"timestamp": 1940587290000}'), pg_temp.point('{"timestamp": 1940587270000}')),
            pg_temp.batch(2, pg_temp.point('{"timestamp": 1940587270000}')), pg_temp.batch(5, pg_temp.point('{"timestamp": 1940587270000}')))),
    array['1 {"success" : true, "processed_count" : 2} 2', '2 {"success" : true, "processed_count" : 1} 1'],
    'new ones, in any order');

select * from finish();
rollback;
