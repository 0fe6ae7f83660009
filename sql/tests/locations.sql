-- core.locations and its partitions

begin;
\ir fixtures.psql
select plan(21);

select results_eq(
    $$ select * from pg_temp.columns('core.locations') $$,
    $$ values
        ('device_id', 'uuid', true, null),
        ('captured_at', 'timestamp with time zone', true, null),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('latitude', 'core.latitude', true, null),
        ('longitude', 'core.longitude', true, null),
        ('altitude', 'core.altitude', false, null),
        ('accuracy', 'core.accuracy', true, null),
        ('bearing', 'core.bearing', false, null),
        ('speed', 'core.speed', false, null),
        ('battery_level', 'core.battery_level', false, null),
        ('provider', 'character varying(50)', false, null),
        ('network_type', 'character varying(50)', false, null) $$,
    'columns');
select set_eq(
    $$ select pg_temp.keys('core.locations') $$,
    array['PRIMARY KEY (device_id, captured_at)', 'FOREIGN KEY (device_id) REFERENCES core.devices(device_id) ON DELETE CASCADE'],
    'keys; no other index');
select is(pg_get_partkeydef('core.locations'::regclass), 'RANGE (captured_at)', 'partitioned by capture time');

-- Partitions.

-- The day of deployment, which may have been yesterday.
select max(to_date(right(c.relname, 8), 'YYYYMMDD')) - 7 as day
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'core.locations'::regclass and c.relname ~ '^locations_\d{8}$'
\gset
select set_eq(
    $$ select inhrelid::regclass::text from pg_inherits where inhparent = 'core.locations'::regclass $$,
    array(select 'core.locations_' || to_char(:'day'::date + d, 'YYYYMMDD') from generate_series(-30, 7) d) || 'core.locations_default'::text,
    'after deployment: one for each day from retention days ago to 7 days ahead, and the default one');
select cmp_ok((now() at time zone 'UTC')::date - :'day'::date, '<=', 1, 'days are counted from today');
select is_empty(
    $$
    select c.oid::regclass, c.relowner::regrole
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'core.locations'::regclass and c.relowner <> 'pm_owner'::regrole
    $$,
    'pm_owner owns them');
select is_empty(
    $$
    select i.inhrelid::regclass
    from pg_inherits i
    where i.inhparent = 'core.locations'::regclass
        and array(select pg_temp.keys(i.inhrelid::regclass::text) order by 1) <> array(select pg_temp.keys('core.locations') order by 1)
    $$,
    'each has the keys of the table');
select is_empty(
    $$
    select i.inhrelid::regclass
    from pg_inherits i
    where i.inhparent = 'core.locations'::regclass
        and array(select c::text from pg_temp.columns(i.inhrelid::regclass::text) c)
            <> array(select c::text from pg_temp.columns('core.locations') c)
    $$,
    'each has its columns');
select is_empty(
    $$ select oid::regclass from pg_class where relnamespace = 'core'::regnamespace and relname like 'locations%' and reltoastrelid <> 0 $$,
    'none needs a TOAST table');

select pg_temp.device(1) \g /dev/null
create temporary table stored as
with point as (
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select pg_temp.id(1), t.at, 1, 2, 3
    from (values
        ((now() at time zone 'UTC')::date::timestamp at time zone 'UTC'),
        ((now() at time zone 'UTC')::date::timestamp at time zone 'UTC' - interval '1 microsecond'),
        ('2001-01-01'::timestamptz)) t(at)
    returning tableoid::regclass::text as partition, captured_at
)
select * from point;
select results_eq(
    'select partition from stored order by captured_at',
    array[
        'core.locations_default',
        'core.locations_' || to_char((now() at time zone 'UTC')::date - 1, 'YYYYMMDD'),
        'core.locations_' || to_char((now() at time zone 'UTC')::date, 'YYYYMMDD')],
    'a point lies in the partition of its UTC day, or in the default one');

-- Rules.

prepare store as
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy) values ($1, '2001-01-02', $2, $3, $4);
select throws_ok('execute store (pg_temp.id(1), 91, 0, 0)', '23514', null, 'a latitude is a latitude');
select throws_ok('execute store (pg_temp.id(1), 0, ''NaN'', 0)', '23514', null, 'a longitude is a longitude');
select throws_ok('execute store (pg_temp.id(1), 0, 0, ''Infinity'')', '23514', null, 'an accuracy is finite');
select throws_ok('execute store (pg_temp.id(1), null, 0, 0)', '23502', null, 'a point has a latitude');
select throws_ok('execute store (pg_temp.id(1), 0, null, 0)', '23502', null, 'a point has a longitude');
select throws_ok('execute store (pg_temp.id(1), 0, 0, null)', '23502', null, 'a point has an accuracy');
select throws_ok('execute store (pg_temp.id(2), 0, 0, 0)', '23503', null, 'a point has a device');
select lives_ok('execute store (pg_temp.id(1), 0, 0, 0)', 'the rest is optional');
select throws_ok('execute store (pg_temp.id(1), 5, 5, 5)', '23505', null, 'a point is its device and capture time');
select throws_ok(
    $$
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy, provider)
    values (pg_temp.id(1), '2001-01-03', 0, 0, 0, repeat('a', 51))
    $$,
    '22001', null, 'a provider has at most 50 characters');

delete from core.devices where device_id = pg_temp.id(1);
select is_empty('select * from core.locations', 'the points of a device go with it');

select * from finish();
rollback;
