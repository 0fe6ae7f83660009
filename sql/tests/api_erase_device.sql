-- api.erase_device

begin;
\ir fixtures.psql
select plan(14);

select pg_temp.function_is('api.erase_device(jsonb, jsonb)', $$p_request jsonb, p_context jsonb DEFAULT '{}'::jsonb$$, 'json',
    'volatile definer', 'pm_api');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2), pg_temp.device(3, 'family', false), pg_temp.api_key(1) \g /dev/null
select api.upload_location(
    pg_temp.point(jsonb_build_object('device_id', d.device_id)), pg_temp.context(1, 'key of ' || d.device_id))
from core.devices d where d.active \g /dev/null
prepare erase as select api.erase_device(jsonb_build_object('device_id', $1::text));

select is(
    api.erase_device(
        jsonb_build_object('device_id', pg_temp.id(1), 'more', 1), '{"api_key_id": 7, "ip_address": "2001:db8::1", "request_id": "r-1"}')::text,
    null, 'no answer');
select is((select count(*) from core.devices where device_id = pg_temp.id(1)), 0::bigint, 'the device is gone');
select is((select count(*) from core.locations where device_id = pg_temp.id(1)), 0::bigint, 'with its points');
select is((select count(*) from core.idempotency_keys where device_id = pg_temp.id(1)), 0::bigint, 'and its stored answers');
select results_eq(
    'select created_at, api_key_id, action, resource_type, resource_id, metadata, ip_address, request_id from core.audit_log',
    $$
    values (
        timestamptz '2031-06-30 12:00:00+00', 7::bigint, 'erase_device', 'device', pg_temp.id(1)::text, '{}'::jsonb, '2001:db8::1'::inet, 'r-1')
    $$,
    'who erased what, when, from where; nothing of what it was');
select is(
    array(select (select count(*) from core.locations) || ' ' || (select count(*) from core.idempotency_keys)),
    array['1 1'], 'another device keeps its own');

select throws_ok('execute erase(pg_temp.id(1))', 'PT404', 'Device not found.', 'a second time');
select throws_ok('execute erase(pg_temp.id(9))', 'PT404', 'Device not found.', 'unknown');
select lives_ok('execute erase(pg_temp.id(3))', 'a device that is inactive');
select is(
    array(
        select distinct pg_temp.failure(format('select api.erase_device(%L)', v)) -> 'detail'
        from unnest(array['{"device_id": "x"}', '{"device_id": 1}']) v),
    array['[{"field": "device_id", "message": "must be a UUID"}]'::jsonb], 'no UUID');
select is(pg_temp.bad_fields($$ select api.erase_device('{}') $$), '{device_id}', 'no device_id');
select is((select count(*) from core.audit_log), 2::bigint, 'what was refused is not in the audit log');
select is(
    pg_temp.failure(format('select api.erase_device(''{"device_id": "%s"}'')', pg_temp.id(2)), 'pm_api'), null, 'pm_api may call it');

select * from finish();
rollback;
