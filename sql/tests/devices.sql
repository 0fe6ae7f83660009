-- core.devices

begin;
\ir fixtures.psql
select plan(11);

select results_eq(
    $$ select * from pg_temp.columns('core.devices') $$,
    $$ values
        ('device_id', 'uuid', true, null),
        ('display_name', 'core.device_name', true, null),
        ('group_id', 'core.group_name', true, null),
        ('platform', 'core.platform', true, $d$'android'::text$d$),
        ('fcm_token', 'core.fcm_token', false, null),
        ('active', 'boolean', true, 'true'),
        ('last_seen_at', 'timestamp with time zone', true, 'now()'),
        ('last_captured_at', 'timestamp with time zone', false, null),
        ('last_latitude', 'core.latitude', false, null),
        ('last_longitude', 'core.longitude', false, null),
        ('last_altitude', 'core.altitude', false, null),
        ('last_accuracy', 'core.accuracy', false, null),
        ('last_bearing', 'core.bearing', false, null),
        ('last_speed', 'core.speed', false, null),
        ('last_battery_level', 'core.battery_level', false, null),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('updated_at', 'timestamp with time zone', true, 'now()') $$,
    'columns');

select set_eq(
    $$ select pg_temp.keys('core.devices') $$,
    array['PRIMARY KEY (device_id)', 'INDEX btree (group_id, active, display_name, device_id)'],
    'keys and indexes');

select is_empty(
    $$ select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'core.devices'::regclass and pg_get_indexdef(indexrelid) ~ '\mlast_' $$,
    'no index on what each upload changes');

-- What that is for: the updates of uploads are HOT, with all values changing and rows far apart in time.

select is(
    (select reloptions from pg_class where oid = 'core.devices'::regclass), array['fillfactor=60'], 'pages leave room for new versions');

insert into core.devices (device_id, display_name, group_id) select pg_temp.id(n), 'Phone ' || n, 'family' from generate_series(1, 20) n;
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(n), 'timestamp', pg_temp.ms(now()) + m)))
from generate_series(1, 20) n, generate_series(1, 2) m
\g /dev/null
select is(pg_stat_get_xact_tuples_updated('core.devices'::regclass), 40::bigint, 'an upload updates the device once');
select is(pg_stat_get_xact_tuples_hot_updated('core.devices'::regclass), 40::bigint, 'all these updates are HOT');

-- Rules are those of the domains. One of each kind here.

select throws_ok(
    $$ insert into core.devices (device_id, display_name, group_id) values (pg_temp.id(90), 'a', 'family') $$,
    '23514', null, 'a name is a device_name');
select throws_ok(
    $$ insert into core.devices (device_id, display_name, group_id) values (pg_temp.id(90), 'ab', 'a b') $$,
    '23514', null, 'a group is a group_name');
select throws_ok(
    $$ update core.devices set last_latitude = 'NaN' where device_id = pg_temp.id(1) $$,
    '23514', null, 'a latitude is a latitude');
select throws_ok(
    $$ insert into core.devices (device_id, display_name, group_id) values (pg_temp.id(1), 'ab', 'family') $$,
    '23505', null, 'a device is there once');
select lives_ok(
    $$ insert into core.devices (device_id, display_name, group_id) values (pg_temp.id(91), 'Phone 1', 'family') $$,
    'names may be there twice');

select * from finish();
rollback;
