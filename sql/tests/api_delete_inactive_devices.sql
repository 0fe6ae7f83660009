-- api.delete_inactive_devices

begin;
\ir fixtures.psql
select plan(15);

select pg_temp.function_is('api.delete_inactive_devices(jsonb, jsonb)', $$p_request jsonb, p_context jsonb DEFAULT '{}'::jsonb$$, 'json',
    'volatile definer', 'pm_api');

create function pg_temp.delete(p_days text) returns jsonb
language sql
return api.delete_inactive_devices(
    jsonb_build_object('older_than_days', p_days, 'more', 1), '{"api_key_id": 7, "ip_address": "2001:db8::1", "request_id": "r-1"}')::jsonb;

-- A device for each day of three, active and not.

select pg_temp.api_key(1) \g /dev/null
set local pm.test_now = '2031-06-01 12:00:00+00';
select pg_temp.device(1), pg_temp.device(4, 'family', false) \g /dev/null
select api.upload_location(
    pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1))), pg_temp.context(1, 'key')) \g /dev/null
update core.devices set active = false where device_id = pg_temp.id(1);
set local pm.test_now = '2031-06-02 12:00:00+00';
select pg_temp.device(2, 'family', false), pg_temp.device(5) \g /dev/null
set local pm.test_now = '2031-06-03 12:00:00+00';
select pg_temp.device(3, 'family', false), pg_temp.device(6) \g /dev/null

set local pm.test_now = '2031-07-01 11:59:59.999+00';
select is(pg_temp.delete('30'), '{"success": true, "affected_count": 0}', 'unchanged for a moment less: not yet');
set local pm.test_now = '2031-07-01 12:00:00.001+00';
select is(pg_temp.delete('30'), '{"success": true, "affected_count": 2}', 'for a moment more');
select set_eq(
    'select device_id from core.devices', 'select pg_temp.id(n) from unnest(array[2, 3, 5, 6]) n', 'those that were active or changed later stay');
select is((select count(*) from core.locations), 0::bigint, 'its points are gone');
select is((select count(*) from core.idempotency_keys), 0::bigint, 'and its stored answers');
select results_eq(
    'select api_key_id, action, resource_type, resource_id, metadata, ip_address, request_id from core.audit_log order by id desc limit 1',
    $$
    values (
        7::bigint, 'delete_inactive_devices', 'device', null, '{"older_than_days": 30, "deleted": 2}'::jsonb, '2001:db8::1'::inet, 'r-1')
    $$,
    'who deleted how many');
select is(pg_temp.delete('0027'), '{"success": true, "affected_count": 2}', 'zeros in front are no harm');
select set_eq('select device_id from core.devices', 'select pg_temp.id(n) from unnest(array[5, 6]) n', 'active devices stay, however old');

select is(
    array(
        select distinct pg_temp.failure(format('select api.delete_inactive_devices(jsonb_build_object(''older_than_days'', %L))', v)) -> 'detail'
        from unnest(array['0', '3651', '9999', '99999', '-1', '+1', '1.0', '1e1', '', ' 1', E'1\n', 'x', '٣', '{}']) v),
    array['[{"field": "older_than_days", "message": "must be an integer from 1 to 3650"}]'::jsonb], 'no such number of days');
select is(
    array(
        select distinct pg_temp.failure(format('select api.delete_inactive_devices(%L)', v)) -> 'detail'
        from unnest(array['{}', '{"older_than_days": null}']) v),
    array['[{"field": "older_than_days", "message": "is required"}]'::jsonb], 'no number at all');
select is((select count(*) from core.audit_log), 3::bigint, 'what was refused is not in the audit log');
select is(
    array(select api.delete_inactive_devices(jsonb_build_object('older_than_days', v)) ->> 'success' from unnest(array[1, 3650]) v),
    array['true', 'true'], 'the ends of the range, and plain numbers from psql');

-- More than can be done in the time there is, which here is none.
do $$ begin
    execute replace(pg_get_functiondef('core.delete_inactive_devices'::regproc), '''00:00:10''', '''0''');
end $$;
update core.devices set active = false, updated_at = '2031-01-01';
select is(
    array(select pg_temp.delete('30') from generate_series(1, 3)),
    array['{"success": true, "affected_count": 1}', '{"success": true, "affected_count": 1}', '{"success": true, "affected_count": 0}']::jsonb[],
    'each call tells how many it deleted; the last one finds none');

select is(
    pg_temp.failure($$ select api.delete_inactive_devices('{"older_than_days": "1"}') $$, 'pm_api'), null, 'pm_api may call it');

select * from finish();
rollback;
