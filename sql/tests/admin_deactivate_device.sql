-- admin.deactivate_device

begin;
\ir fixtures.psql
select plan(10);

select pg_temp.function_is('admin.deactivate_device(uuid)', 'p_device_id uuid', 'text', 'volatile definer', 'pm_admin');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2) \g /dev/null
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null
set local pm.test_now = '2031-06-30 13:00:00+00';

select is(
    admin.deactivate_device(p_device_id => pg_temp.id(1)),
    'Device 00000000-0000-4000-8000-000000000001 (Phone 1) is inactive; group family has a free place.', 'deactivated');
select is((select (active, updated_at)::text from core.devices where device_id = pg_temp.id(1)), '(f,"2031-06-30 13:00:00+00")', 'since now');
select is((select count(*) from core.locations), 1::bigint, 'its data stay');
select is(
    (select jsonb_array_length(d -> 'devices') from jsonb(api.list_devices('{"group_id": "family"}')) d), 1, 'it has left the listing');
select results_eq(
    'select created_at, database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (timestamptz '2031-06-30 13:00:00+00', current_setting('session_authorization'), 'deactivate_device', 'device',
        pg_temp.id(1)::text, '{"group_id": "family"}'::jsonb) $$,
    'it is audited');

select is(
    pg_temp.failure('select admin.deactivate_device(pg_temp.id(1))'),
    '{"sqlstate": "PT409", "message": "Device 00000000-0000-4000-8000-000000000001 (Phone 1) is inactive already.", "detail": "",
      "hint": "To bring it back: select admin.reactivate_device(''00000000-0000-4000-8000-000000000001'');"}', 'not twice');
select throws_ok('select admin.deactivate_device(pg_temp.id(9))', 'PT404', 'Device not found.', 'an unknown device');
select is((select count(*) from core.audit_log), 1::bigint, 'what is refused is not audited');
select is(pg_temp.failure('select admin.deactivate_device(pg_temp.id(2))', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
