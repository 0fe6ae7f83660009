-- api.deactivate_device

begin;
\ir fixtures.psql
select plan(14);

select pg_temp.function_is('api.deactivate_device(jsonb)', 'p_request jsonb', 'json', 'volatile definer', 'pm_api');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false), pg_temp.device(3) \g /dev/null
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null

set local pm.test_now = '2031-06-30 13:00:00+00';
prepare deactivate as select api.deactivate_device(jsonb_build_object('device_id', $1::text));

select is(api.deactivate_device('{"device_id": "00000000-0000-4000-8000-000000000001"}')::text, null, 'no answer');
select is((select active from core.devices where device_id = pg_temp.id(1)), false, 'it is inactive');
select is((select updated_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 13:00:00+00', 'since now');
select is(
    (select last_seen_at from core.devices where device_id = pg_temp.id(1)), '2031-06-30 12:00:00+00',
    'the device itself was not seen');
select is((select last_latitude from core.devices where device_id = pg_temp.id(1))::float8, 48.2::float8, 'its data stay');
select is((select count(*) from core.locations), 1::bigint, 'and so do its points');
select is((select active from core.devices where device_id = pg_temp.id(3)), true, 'others are as before');
select is(
    api.list_devices('{"group_id": "family"}')::jsonb #>> '{devices,0,device_id}', pg_temp.id(3)::text, 'it has left the listing');

select throws_ok('execute deactivate(pg_temp.id(1))', 'PT404', 'Device not found.', 'already inactive');
select throws_ok('execute deactivate(pg_temp.id(9))', 'PT404', 'Device not found.', 'unknown');
select is(
    array(
        select distinct pg_temp.failure(format('select api.deactivate_device(%L)', v)) -> 'detail'
        from unnest(array['{"device_id": "x"}', '{"device_id": 1}']) v),
    array['[{"field": "device_id", "message": "must be a UUID"}]'::jsonb], 'no UUID');
select is(pg_temp.bad_fields($$ select api.deactivate_device('{}') $$), '{device_id}', 'no device_id');

-- Its place is free.
update core.settings set max_devices_per_group = 1;
select throws_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(1), 'display_name', 'Anna', 'group_id', 'family')) $$,
    'PT409', 'Group has reached maximum device limit (1)', 'a device that comes back needs a place') ;

select * from finish();
rollback;
