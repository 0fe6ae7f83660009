-- admin.move_device

begin;
\ir fixtures.psql
select plan(19);

select pg_temp.function_is(
    'admin.move_device(uuid, text)', 'p_device_id uuid, p_group_id text', 'text', 'volatile definer', 'pm_admin');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false) \g /dev/null
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null
set local pm.test_now = '2031-06-30 13:00:00+00';
create temporary table before as select * from core.devices;

select is(
    admin.move_device(p_device_id => pg_temp.id(1), p_group_id => 'friends'),
    'Device 00000000-0000-4000-8000-000000000001 (Phone 1) has moved from group family to friends.', 'a move');
select results_eq(
    'select (to_jsonb(d) - ''{group_id,updated_at}''::text[]), group_id::text collate "default", updated_at from core.devices d where device_id = pg_temp.id(1)',
    $$ select (to_jsonb(b) - '{group_id,updated_at}'::text[]), 'friends', timestamptz '2031-06-30 13:00:00+00' from before b
        where device_id = pg_temp.id(1) $$,
    'its group is another, its registration changed now; the rest is as before');
select is((select count(*) from core.locations where device_id = pg_temp.id(1)), 1::bigint, 'its points move along');
select results_eq(
    'select created_at, database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (timestamptz '2031-06-30 13:00:00+00', current_setting('session_authorization'), 'move_device', 'device', pg_temp.id(1)::text,
        '{"old": "family", "new": "friends"}'::jsonb) $$,
    'it is audited');
select is(
    (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted), 1::bigint, 'the group is locked');

-- The group limit.

select pg_temp.device(n, 'full') from generate_series(101, 120) n \g /dev/null
select is(
    pg_temp.failure($$ select admin.move_device(pg_temp.id(1), 'full') $$),
    '{"sqlstate": "PT409", "message": "Group has reached maximum device limit (20)", "detail": "",
      "hint": "select * from admin.list_devices(p_group_id => ''full'');  -- one of these may leave"}', 'a full group');
select is((select group_id::text from core.devices where device_id = pg_temp.id(1)), 'friends', 'the device stays where it is');
select is((select count(*) from core.audit_log), 1::bigint, 'which is not audited');
select api.deactivate_device(jsonb_build_object('device_id', pg_temp.id(101))) \g /dev/null
select lives_ok($$ select admin.move_device(pg_temp.id(1), 'full') $$, 'one leaves, and there is a place');

-- An inactive device needs no place, and does not come back by moving.

select is(
    admin.move_device(pg_temp.id(2), 'full'),
    'Device 00000000-0000-4000-8000-000000000002 (Phone 2) has moved from group family to full, still inactive.', 'an inactive one');
select is((select active from core.devices where device_id = pg_temp.id(2)), false, 'is inactive');
select is((select count(*) from core.devices where group_id = 'full' and active), 20::bigint, 'and the group as full as before');

-- Refusals.

select is(
    pg_temp.failure($$ select admin.move_device(pg_temp.id(1), 'full') $$),
    '{"sqlstate": "PT409", "message": "Device 00000000-0000-4000-8000-000000000001 (Phone 1) is in group full already.", "detail": "",
      "hint": "select * from admin.list_devices(p_group_id => ''full'');"}', 'where it is already');
select is(
    pg_temp.failure($$ select admin.move_device(pg_temp.id(2), 'full') $$) ->> 'hint',
    'It is inactive; to bring it back: select admin.reactivate_device(''00000000-0000-4000-8000-000000000002'');',
    'and inactive: what brings it back');
select is(
    pg_temp.failure($$ select admin.move_device(pg_temp.id(1), 'a b') $$),
    '{"sqlstate": "PT400", "message": "p_group_id must be 2 to 50 letters, digits, hyphens or underscores.", "detail": "",
      "hint": "select * from admin.list_groups();"}', 'no name of a group');
select is(pg_temp.refusals('select admin.move_device(pg_temp.id(1), %L)', null), array['PT400 p_group_id is required.'], 'none');
select throws_ok($$ select admin.move_device(pg_temp.id(9), 'family') $$, 'PT404', 'Device not found.', 'an unknown device');
select is(
    pg_temp.failure($$ select admin.move_device(pg_temp.id(9), 'family') $$, 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
