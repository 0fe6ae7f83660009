-- admin.recent_points

begin;
\ir fixtures.psql
select plan(13);

select pg_temp.function_is('admin.recent_points(uuid, timestamptz, integer)',
    'p_device_id uuid, p_before timestamp with time zone DEFAULT NULL::timestamp with time zone, p_limit integer DEFAULT 20',
    'TABLE(captured_at timestamp with time zone, stored_after interval, latitude double precision, longitude double precision, '
    'accuracy real, altitude double precision, bearing real, speed real, battery_level smallint, provider text, network_type text)',
    'volatile definer', 'pm_admin');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, 'family', false), pg_temp.device(3) \g /dev/null
insert into core.locations (device_id, captured_at, created_at, latitude, longitude, accuracy)
select pg_temp.id(n), t, t + interval '90.7 s', 1, 2, 3
from generate_series(1, 2) n, unnest(array[
    '2031-05-31 11:59:59.999', '2031-05-31 12:00', '2031-06-29 08:00', '2031-06-30 11:00', '2031-06-30 11:59:59.123']::timestamptz[]) t;
update core.locations
set altitude = 4, bearing = 5, speed = 6, battery_level = 7, provider = 'gps', network_type = 'lte', created_at = '2031-06-30 11:58:00'
where device_id = pg_temp.id(1) and captured_at = '2031-06-30 11:59:59.123';

create function pg_temp.times(p_before timestamptz default null, p_limit integer default 20) returns text[]
language sql
return array(select captured_at::timestamp::text from admin.recent_points(pg_temp.id(1), p_before, p_limit));

select results_eq(
    'select * from admin.recent_points(pg_temp.id(1), p_limit => 2)',
    $$ values
        (timestamptz '2031-06-30 11:59:59.123+00', interval '-00:01:59', 1::float8, 2::float8, 3::float4, 4::float8, 5::float4, 6::float4,
            7::smallint, 'gps', 'lte'),
        (timestamptz '2031-06-30 11:00:00+00', interval '00:01:30', 1, 2, 3, null, null, null, null, null, null) $$,
    'the newest points first, with every field; one of a fast clock was stored before its time');
select is(
    pg_temp.times(), array['2031-06-30 11:59:59.123', '2031-06-30 11:00:00', '2031-06-29 08:00:00', '2031-05-31 12:00:00'],
    'all within retention, and none past it');
select is(
    pg_temp.times('2031-06-30 11:00:00', 2), array['2031-06-29 08:00:00', '2031-05-31 12:00:00'], 'the page before a time');
update core.settings set location_retention_days = 1;
select is(cardinality(pg_temp.times()), 2, 'a shorter retention hides at once');
update core.settings set location_retention_days = 30;
select is((select count(*) from admin.recent_points(pg_temp.id(2))), 4::bigint, 'an inactive device has points');
select is((select count(*) from admin.recent_points(pg_temp.id(3))), 0::bigint, 'a new one has none');

-- Looking is audited.

delete from core.audit_log;
select count(*) from admin.recent_points(pg_temp.id(1), '2031-06-30 11:00:00', 5) \g /dev/null
select results_eq(
    'select created_at, database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (timestamptz '2031-06-30 12:00:00+00', current_setting('session_authorization'), 'read_points', 'device', pg_temp.id(1)::text,
        '{"before": "2031-06-30T11:00:00+00:00", "limit": 5}'::jsonb) $$,
    'who looked at what, not what was seen');
select count(*) from admin.recent_points(pg_temp.id(3)) \g /dev/null
select is((select count(*) from core.audit_log), 2::bigint, 'also when there is nothing to see');

-- Refusals.

select throws_ok('select admin.recent_points(pg_temp.id(9))', 'PT404', 'Device not found.', 'an unknown device');
select throws_ok('select admin.recent_points(pg_temp.id(1), p_limit => 0)', 'PT400', 'p_limit must be from 1 to 1000.', 'an empty page');
select is((select count(*) from core.audit_log), 2::bigint, 'what is refused shows nothing, and is not audited');
select is(pg_temp.failure('select * from admin.recent_points(pg_temp.id(1))', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
