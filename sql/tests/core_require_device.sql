-- core.require_device

begin;
\ir fixtures.psql
select plan(6);

select pg_temp.function_is('core.require_device(uuid)', 'p_device_id uuid', 'core.devices', 'volatile', null);

select pg_temp.device(1), pg_temp.device(2, 'family', false) \g /dev/null
select is((select display_name from core.require_device(pg_temp.id(1))), 'Phone 1', 'a device');
select is((select active from core.require_device(pg_temp.id(2))), false, 'an inactive one, too');
select is(
    pg_temp.failure('select core.require_device(pg_temp.id(9))'),
    '{"sqlstate": "PT404", "message": "Device not found.", "detail": "",
      "hint": "select * from admin.list_devices(p_search => ''part of its name or the start of its id'');"}', 'an unknown one');
select is(pg_temp.failure('select core.require_device(null)') ->> 'message', 'Device not found.', 'none');

-- That another session waits for the row is tested elsewhere; here, that it is locked at all.
select cmp_ok(
    (select count(*) from core.devices d where d.xmax::text::bigint = pg_current_xact_id()::text::bigint), '=', 2::bigint, 'their rows are locked');

select * from finish();
rollback;
