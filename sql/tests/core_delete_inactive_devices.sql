-- core.delete_inactive_devices

begin;
\ir fixtures.psql
select plan(19);

select pg_temp.function_is(
    'core.delete_inactive_devices(bigint, jsonb, interval)',
    $$p_older_than_days bigint, p_context jsonb DEFAULT '{}'::jsonb, p_duration interval DEFAULT '00:00:10'::interval, OUT deleted bigint, OUT remaining boolean$$,
    'record', 'volatile', null);

create function pg_temp.devices() returns text[]
language sql
return array(select display_name::text from core.devices order by device_id);

create function pg_temp.deleted(p_days bigint, p_context jsonb default '{}', p_duration interval default '10 seconds') returns text
language sql
return (
    select d.deleted || case when d.remaining then ', more remain' else '' end
    from core.delete_inactive_devices(p_days, p_context, p_duration) d);

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false), pg_temp.device(3, 'family', false), pg_temp.device(4, 'family', false),
    pg_temp.api_key(1) \g /dev/null
update core.devices set updated_at = '2031-05-01 00:00+00' where device_id in (pg_temp.id(1), pg_temp.id(2));
update core.devices set updated_at = '2031-05-31 12:00:00+00' where device_id = pg_temp.id(3);
update core.devices set updated_at = '2031-05-31 12:00:00.000001+00' where device_id = pg_temp.id(4);
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(n), '2031-06-29', 1, 2, 3 from generate_series(1, 4) n;
insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer)
select 1, 'upload_location', sha256(int4send(n)), sha256(''), pg_temp.id(n), '{}' from generate_series(1, 4) n;

select is(pg_temp.deleted(3650), '0', 'none so old');
select is(pg_temp.deleted(30), '2', 'two are inactive and unchanged for 30 days');
select is(pg_temp.devices(), array['Phone 1', 'Phone 4'], 'an active one stays, however old, and one that changed a little later');
select is((select array_agg(device_id order by 1) from core.locations), array[pg_temp.id(1), pg_temp.id(4)], 'their points are gone');
select is((select array_agg(device_id order by 1) from core.idempotency_keys), array[pg_temp.id(1), pg_temp.id(4)], 'and their answers');
select is(
    pg_temp.deleted(1, '{"api_key_id": 1, "ip_address": "192.0.2.1", "request_id": "r-1"}'), '1', 'the other, with fewer days');
select is(pg_temp.devices(), array['Phone 1'], 'goes');

select results_eq(
    'select created_at, api_key_id, action, resource_type, resource_id, metadata, request_id from core.audit_log order by id',
    $$
    select timestamptz '2031-06-30 12:00:00+00', k, 'delete_inactive_devices', 'device', null::text,
        jsonb_build_object('older_than_days', d, 'deleted', n), r
    from (values (null::bigint, 3650, 0, null), (null, 30, 2, null), (1, 1, 1, 'r-1')) v(k, d, n, r)
    $$,
    'each call is audited, with the number of devices and nothing of them');

-- Refusals.

select is(
    pg_temp.failure('select core.delete_inactive_devices(0)'),
    '{"sqlstate": "PT400", "message": "The number of days must be an integer from 1 to 3650.",
      "detail": [{"field": "older_than_days", "message": "must be an integer from 1 to 3650"}],
      "hint": "select admin.delete_inactive_devices(p_older_than_days => 365);"}', 'out of range');
select is(
    array(
        select distinct pg_temp.failure(format('select core.delete_inactive_devices(%L)', n)) #>> '{detail,0,message}'
        from unnest(array[0, -1, 3651, null]) n),
    array['must be an integer from 1 to 3650'], 'or none');
select is((select count(*) from core.audit_log), 3::bigint, 'which is not audited');

-- Many at once.
insert into core.devices (device_id, display_name, group_id, active, updated_at)
select pg_temp.id(n), 'Phone', 'many', false, '2031-01-01' from generate_series(1001, 2000) n;
select is(pg_temp.deleted(30), '1000', 'a thousand at once');
select is(pg_temp.devices(), array['Phone 1'], 'are gone');

-- Not all of them in the time there is.
insert into core.devices (device_id, display_name, group_id, active, updated_at)
values
    (pg_temp.id(3001), 'Newest', 'many', false, '2031-01-03'),
    (pg_temp.id(3002), 'Oldest', 'many', false, '2031-01-01'),
    (pg_temp.id(3003), 'Middle', 'many', false, '2031-01-02');
select is(pg_temp.deleted(30, p_duration => '0'), '1, more remain', 'one at least, however short the time, and that there are more');
select is(pg_temp.devices(), array['Phone 1', 'Newest', 'Middle'], 'the longest unchanged first');
select is(
    (select metadata from core.audit_log order by id desc limit 1), '{"older_than_days": 30, "deleted": 1}',
    'what was done is audited');
select is(pg_temp.deleted(30, p_duration => '0'), '1, more remain', 'the next call goes on');
select is(pg_temp.deleted(30, p_duration => '0'), '1', 'the last one tells that none is left');

select * from finish();
rollback;
