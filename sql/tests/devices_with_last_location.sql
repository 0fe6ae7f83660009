-- core.devices_with_last_location

begin;
\ir fixtures.psql
select plan(9);

select results_eq(
    $$ select name, type from pg_temp.columns('core.devices_with_last_location') $$,
    $$ values
        ('device_id', 'uuid'), ('display_name', 'core.device_name'), ('group_id', 'core.group_name'), ('active', 'boolean'),
        ('last_seen_at', 'timestamp with time zone'), ('last_location', 'text') $$,
    'columns');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.device(2, p_active => false) \g /dev/null
create function pg_temp.last_location() returns jsonb
language sql volatile
return (select last_location::jsonb from core.devices_with_last_location where device_id = pg_temp.id(1));

select is((select count(*) from core.devices_with_last_location), 2::bigint, 'inactive devices too');
select is(pg_temp.last_location(), null, 'no location yet');

update core.devices
set last_captured_at = '2031-06-30 11:00:00.5+00', last_latitude = 48.2, last_longitude = 16.4, last_accuracy = 5
where device_id = pg_temp.id(1);
select is(
    pg_temp.last_location(),
    '{"latitude": 48.2, "longitude": 16.4, "accuracy": 5, "timestamp": "2031-06-30T11:00:00.500Z", "altitude": null, "bearing": null,
      "speed": null, "battery_level": null}',
    'with what is known');

update core.devices
set last_altitude = 170.5, last_bearing = 90, last_speed = 1.25, last_battery_level = 80
where device_id = pg_temp.id(1);
select is(
    pg_temp.last_location() - '{latitude,longitude,accuracy,timestamp}'::text[],
    '{"altitude": 170.5, "bearing": 90, "speed": 1.25, "battery_level": 80}',
    'with the rest');

-- Retention.

update core.devices set last_captured_at = '2031-05-31 12:00:00+00' where device_id = pg_temp.id(1);
select isnt(pg_temp.last_location(), null, 'as old as the retention: shown');
update core.devices set last_captured_at = '2031-05-31 11:59:59.999+00' where device_id = pg_temp.id(1);
select is(pg_temp.last_location(), null, 'older than the retention: hidden, cleaned up or not');
update core.settings set location_retention_days = 31;
select isnt(pg_temp.last_location(), null, 'the setting counts');

-- A day is 24 hours, also where clocks were changed since.
update core.settings set location_retention_days = 30;
set local timezone = 'Europe/Berlin';
set local pm.test_now = '2031-04-15 12:00:00+00';
update core.devices set last_captured_at = '2031-03-16 12:00:00+00' where device_id = pg_temp.id(1);
select isnt(pg_temp.last_location(), null, 'the time zone of the session does not matter');

select * from finish();
rollback;
