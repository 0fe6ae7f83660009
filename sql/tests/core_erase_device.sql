-- core.erase_device

begin;
\ir fixtures.psql
select plan(14);

select pg_temp.function_is(
    'core.erase_device(uuid, jsonb)', $$p_device_id uuid, p_context jsonb DEFAULT '{}'::jsonb$$, 'void', 'volatile', null);

-- Points on several days, at the ends of retention, without a partition; answers of two devices.

create temporary view left_behind as
select 'devices' as place, device_id from core.devices
union all
select 'locations', device_id from core.locations
union all
select 'idempotency_keys', device_id from core.idempotency_keys;

select pg_temp.device(1), pg_temp.device(2), pg_temp.device(3, 'family', false), pg_temp.api_key(1) \g /dev/null
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(n), core.now() - make_interval(days => d), 1, 2, 3
from generate_series(1, 3) n, unnest(array[-300, -6, 0, 1, 29, 40, 1000]) d;
select api.upload_location(
    pg_temp.point(jsonb_build_object('device_id', pg_temp.id(n), 'timestamp', pg_temp.ms(core.now()) - 1000 * k)), pg_temp.context(1, format('key %s %s', n, k)))
from generate_series(1, 2) n, generate_series(1, 3) k \g /dev/null
select is(
    (select array_agg(place || ' ' || n order by place) from (select place, count(*) as n from left_behind where device_id = pg_temp.id(1) group by 1) p),
    array['devices 1', 'idempotency_keys 3', 'locations 10'], 'there is something to erase');
select count(*) as others from left_behind where device_id <> pg_temp.id(1) \gset
select cmp_ok((select count(*) from core.locations_default where device_id = pg_temp.id(1)), '>', 1::bigint, 'in the default partition, too');

set local pm.test_now = '2031-06-30 12:00:00+00';
select core.erase_device(
    pg_temp.id(1), '{"api_key_id": 1, "ip_address": "192.0.2.1", "request_id": "r-1", "idempotency_key": "00"}') \g /dev/null
select is_empty('select * from left_behind where device_id = pg_temp.id(1)', 'nothing is left');
select is((select count(*) from left_behind), :others::bigint, 'nothing else is gone');
select results_eq(
    'select created_at, api_key_id, action, resource_type, resource_id, metadata, ip_address, request_id from core.audit_log',
    $$ values (timestamptz '2031-06-30 12:00:00+00', 1::bigint, 'erase_device', 'device', pg_temp.id(1)::text, '{}'::jsonb,
        '192.0.2.1'::inet, 'r-1') $$,
    'it is audited: the id, and nothing else of the device');
reset pm.test_now;

select is(
    pg_temp.failure('select core.erase_device(pg_temp.id(1))') - 'hint', '{"sqlstate": "PT404", "message": "Device not found.", "detail": ""}',
    'a second time there is no device');
select is(pg_temp.failure('select core.erase_device(null)') ->> 'sqlstate', 'PT404', 'nor without an id');
select is((select count(*) from core.audit_log), 1::bigint, 'which is not audited');

-- A repeated upload finds neither the device nor the answer that was stored.
select throws_ok(
    $$ select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1))), pg_temp.context(1, 'key 1 1')) $$,
    'PT404', 'Device not found. Please register first.', 'a replay after that is refused');

select core.erase_device(pg_temp.id(3)) \g /dev/null
select is_empty('select * from left_behind where device_id = pg_temp.id(3)', 'an inactive device goes as well');
select is(
    (select array[database_role, api_key_id::text] from core.audit_log order by id desc limit 1),
    array[current_setting('session_authorization'), null], 'from psql: by the role');

-- Cheap: by an index in each partition that has points, however many others have.

insert into core.devices (device_id, display_name, group_id) select pg_temp.id(n), 'Phone', 'many-' || n / 20 from generate_series(1001, 1300) n;
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(n), date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - make_interval(days => d, mins => -m), 1, 2, 3
from generate_series(1001, 1300) n, generate_series(1, 3) d, generate_series(1, 20) m;
analyze core.locations, core.idempotency_keys, core.devices;
create temporary view scan as
select relid, seq_scan, idx_scan
from pg_stat_xact_user_tables
where relid in (select to_regclass(core.partition_name((now() at time zone 'UTC')::date - d)) from generate_series(1, 3) d);
create temporary table before as select * from scan;
select core.erase_device(pg_temp.id(1001)) \g /dev/null
select results_eq(
    'select s.seq_scan - b.seq_scan, s.idx_scan - b.idx_scan from scan s join before b using (relid)',
    'select 0::bigint, 1::bigint from generate_series(1, 3)', 'one look into the index of each full partition, and no other');
select is((select count(*) from core.locations where device_id = pg_temp.id(1001)), 0::bigint, 'which finds all');

select * from finish();
rollback;
