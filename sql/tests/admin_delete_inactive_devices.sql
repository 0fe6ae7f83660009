-- admin.delete_inactive_devices. What it deletes is tested with core.delete_inactive_devices.

begin;
\ir fixtures.psql
select plan(8);

select pg_temp.function_is(
    'admin.delete_inactive_devices(bigint)', 'p_older_than_days bigint', 'text', 'volatile definer', 'pm_admin');

select pg_temp.device(1), pg_temp.device(2, 'family', false) \g /dev/null
update core.devices set updated_at = '2001-01-01';
select is(admin.delete_inactive_devices(p_older_than_days => 365), 'Devices deleted with all their data: 1.', 'one is old enough');
select is((select array_agg(device_id) from core.devices), array[pg_temp.id(1)], 'an active one stays');
select results_eq(
    'select database_role, action, resource_type, metadata from core.audit_log',
    $$ values (current_setting('session_authorization'), 'delete_inactive_devices', 'device',
        '{"older_than_days": 365, "deleted": 1}'::jsonb) $$,
    'it is audited');
select is(
    pg_temp.failure('select admin.delete_inactive_devices(3651)'),
    '{"sqlstate": "PT400", "message": "The number of days must be an integer from 1 to 3650.",
      "detail": [{"field": "older_than_days", "message": "must be an integer from 1 to 3650"}],
      "hint": "select admin.delete_inactive_devices(p_older_than_days => 365);"}', 'out of range');

-- More than can be done in the time there is, which here is none.
do $$ begin
    execute replace(pg_get_functiondef('core.delete_inactive_devices'::regproc), '''00:00:10''', '''0''');
end $$;
select pg_temp.device(3, 'family', false), pg_temp.device(4, 'family', false) \g /dev/null
update core.devices set updated_at = '2001-01-01';
select is(
    admin.delete_inactive_devices(365), 'Devices deleted with all their data: 1. There are more: call this again.', 'it tells that it has not done');
select is(admin.delete_inactive_devices(365), 'Devices deleted with all their data: 1.', 'and that it has');
select is(pg_temp.failure('select admin.delete_inactive_devices(365)', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
