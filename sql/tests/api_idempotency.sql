-- Idempotency-Key at both uploads: what the functions do with it. Waiting for each other needs two sessions, and is tested
-- elsewhere.

begin;
\ir fixtures.psql
select plan(21);

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2), pg_temp.api_key(1), pg_temp.api_key(2) \g /dev/null
create function pg_temp.one(p_key text, p_fields jsonb default '{}', p_api_key_id bigint default 1) returns text
language sql
return (
    select u::text
    from api.upload_location(
        pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1), 'timestamp', 1940587200000)) || p_fields, pg_temp.context(p_api_key_id, p_key)) u);
create function pg_temp.batch(p_key text, p_fields jsonb default '{}', p_api_key_id bigint default 1) returns text
language sql
return (
    select u::text
    from api.upload_locations(
        jsonb_build_object('device_id', pg_temp.id(1), 'locations', jsonb_build_array(
            pg_temp.point('{"timestamp": 1940587200000}'), pg_temp.point('{"timestamp": 1940587199000}'))) || p_fields,
        pg_temp.context(p_api_key_id, p_key)) u);

-- Replays.

select is(pg_temp.one('a'), '("{""success"" : true, ""processed_count"" : 1}",f,1)', 'the first request runs');
update core.devices set last_seen_at = '2031-06-01';
select is(
    pg_temp.one('a'), '("{""success"" : true, ""processed_count"" : 1}",t,0)',
    'its repetition gets the same answer, not that of a duplicate');
select is((select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-01', 'and does nothing');
select is(
    pg_temp.batch('a'), '("{""success"" : true, ""processed_count"" : 2, ""duplicate_count"" : 1}",f,1)',
    'the same key at the other endpoint is another key');
select is(
    pg_temp.batch('a'), '("{""success"" : true, ""processed_count"" : 2, ""duplicate_count"" : 1}",t,0)',
    'with answers of its own');
select is(
    pg_temp.one('a', p_api_key_id => 2), '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",f,0)',
    'so is that of another API key');
select is(pg_temp.one('b'), '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",f,0)', 'and another key');

-- Another request.

select throws_ok(
    $$ select pg_temp.one('a', '{"speed": 1}') $$, 'PT422', 'This Idempotency-Key was used for another request.',
    'another body');
select throws_ok($$ select pg_temp.batch('a', '{"more": 1}') $$, 'PT422', null, 'also where the difference does not matter');
select throws_ok($$ select pg_temp.one('a', '{"latitude": 91}') $$, 'PT422', null, 'also where the other body is bad');
select throws_ok($$ select api.upload_location('[]', pg_temp.context(1, 'a')) $$, 'PT422', null, 'also where it is no object');

-- A request that failed stores nothing.

select throws_ok($$ select pg_temp.one('c', '{"latitude": 91}') $$, 'PT400', null, 'bad data');
select throws_ok(
    $$ select pg_temp.one('d', jsonb_build_object('device_id', pg_temp.id(3))) $$, 'PT404', null, 'an unknown device');
select throws_ok($$ select pg_temp.batch('c', '{"locations": []}') $$, 'PT400', null, 'an empty batch');
select is((select count(*) from core.idempotency_keys where api_key_id = 1), 3::bigint, 'these keys are not stored');
select is(
    pg_temp.one('c', '{"timestamp": 1940587200500}'), '("{""success"" : true, ""processed_count"" : 1}",f,1)',
    'so the corrected request runs');

-- Time.

set local pm.test_now = '2031-07-01 11:59:59+00';
select is(pg_temp.one('a'), '("{""success"" : true, ""processed_count"" : 1}",t,0)', 'a replay after 23 hours');
set local pm.test_now = '2031-07-01 12:00:00+00';
select is(
    pg_temp.one('a', '{"speed": 1}'), '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",f,0)',
    'after 24 hours the key is new');
select is(
    pg_temp.one('a', '{"speed": 1}'), '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",t,0)',
    'and replays its new answer');

-- A replay is given even where the request would be refused now.
set local pm.test_now = '2031-07-01 12:01:00+00';
select api.deactivate_device(jsonb_build_object('device_id', pg_temp.id(1))) \g /dev/null
select is(
    pg_temp.one('a', '{"speed": 1}'), '("{""success"" : true, ""processed_count"" : 1, ""duplicate_count"" : 1}",t,0)',
    'of a device that is inactive since');

-- A device that is erased takes its answers with it.
delete from core.devices where device_id = pg_temp.id(1);
select throws_ok(
    $$ select pg_temp.one('a', '{"speed": 1}') $$, 'PT404', 'Device not found. Please register first.',
    'of a device that is erased since: none');

select * from finish();
rollback;
