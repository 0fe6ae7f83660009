-- admin.reactivate_device

begin;
\ir fixtures.psql
select plan(13);

select pg_temp.function_is('admin.reactivate_device(uuid)', 'p_device_id uuid', 'text', 'volatile definer', 'pm_admin');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1, 'family', false), pg_temp.device(2), pg_temp.device(3, 'full', false) \g /dev/null
set local pm.test_now = '2031-06-30 13:00:00+00';

select is(
    admin.reactivate_device(p_device_id => pg_temp.id(1)),
    'Device 00000000-0000-4000-8000-000000000001 (Phone 1) is active in group family.', 'reactivated');
select is(
    (select (active, updated_at, last_seen_at)::text from core.devices where device_id = pg_temp.id(1)),
    '(t,"2031-06-30 13:00:00+00","2031-06-30 12:00:00+00")', 'since now; the phone itself was not seen');
select is(
    (select jsonb_array_length(d -> 'devices') from jsonb(api.list_devices('{"group_id": "family"}')) d), 2, 'it is listed');
select lives_ok($$ select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) $$, 'and may upload');
select results_eq(
    'select created_at, database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (timestamptz '2031-06-30 13:00:00+00', current_setting('session_authorization'), 'reactivate_device', 'device',
        pg_temp.id(1)::text, '{"group_id": "family"}'::jsonb) $$,
    'it is audited');

-- The group limit.

select pg_temp.device(n, 'full') from generate_series(101, 120) n \g /dev/null
select is(
    pg_temp.failure('select admin.reactivate_device(pg_temp.id(3))'),
    '{"sqlstate": "PT409", "message": "Group has reached maximum device limit (20)", "detail": "",
      "hint": "select * from admin.list_devices(p_group_id => ''full'');  -- one of these may leave"}', 'a full group');
select is((select active from core.devices where device_id = pg_temp.id(3)), false, 'it stays inactive');
select admin.deactivate_device(pg_temp.id(101)) \g /dev/null
select lives_ok('select admin.reactivate_device(pg_temp.id(3))', 'one leaves, and there is a place');

-- Refusals. That a device moved meanwhile is tested elsewhere.

select is(
    pg_temp.failure('select admin.reactivate_device(pg_temp.id(2))'),
    '{"sqlstate": "PT409", "message": "Device 00000000-0000-4000-8000-000000000002 (Phone 2) is active already, in group family.",
      "detail": "", "hint": "select * from admin.list_devices(p_group_id => ''family'');"}', 'an active one');
select throws_ok('select admin.reactivate_device(pg_temp.id(9))', 'PT404', 'Device not found.', 'an unknown one');
select throws_ok('select admin.reactivate_device(null)', 'PT404', 'Device not found.', 'none');
select is(pg_temp.failure('select admin.reactivate_device(pg_temp.id(2))', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
