-- admin.erase_device. What it erases is tested with core.erase_device.

begin;
\ir fixtures.psql
select plan(7);

select pg_temp.function_is('admin.erase_device(uuid)', 'p_device_id uuid', 'text', 'volatile definer', 'pm_admin');

select pg_temp.device(1), pg_temp.device(2) \g /dev/null
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null

select is(
    admin.erase_device(p_device_id => pg_temp.id(1)), 'Device 00000000-0000-4000-8000-000000000001 and all its data are erased.', 'erased');
select is((select array_agg(device_id) from core.devices), array[pg_temp.id(2)], 'the device is gone');
select is_empty('select * from core.locations', 'and its points');
select results_eq(
    'select database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (current_setting('session_authorization'), 'erase_device', 'device', pg_temp.id(1)::text, '{}'::jsonb) $$, 'it is audited');

select is(
    pg_temp.failure('select admin.erase_device(pg_temp.id(1))'),
    '{"sqlstate": "PT404", "message": "Device not found.", "detail": "",
      "hint": "select * from admin.list_devices(p_search => ''part of its name or the start of its id'');"}', 'not twice');
select is(pg_temp.failure('select admin.erase_device(pg_temp.id(2))', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
