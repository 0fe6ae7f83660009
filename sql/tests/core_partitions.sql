-- core.partition_name, core.missing_partitions, core.create_partition, core.ensure_partitions; jobs.ensure_partitions_step

begin;
\ir fixtures.psql
select plan(41);

select pg_temp.function_is('core.partition_name(date)', 'p_day date', 'text', 'stable', null);
select pg_temp.function_is('core.partition_day(text)', 'p_name text', 'date', 'stable', null);
select pg_temp.function_is('core.missing_partitions()', '', 'SETOF date', 'volatile', null);
select pg_temp.function_is('core.create_partition(date)', 'p_day date', 'bigint', 'volatile', null);
select pg_temp.function_is('core.ensure_partitions(integer)', 'p_most integer DEFAULT NULL::integer', 'integer', 'volatile', null);
select pg_temp.function_is('jobs.ensure_partitions_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.ensure_partitions()', '', null, 'volatile', 'pm_admin');

-- A step: the points it moved, and whether it has a successor.
create function pg_temp.step() returns text
language sql volatile
return (select s.handled || case when s.next_position is null then ', the last' else '' end from jobs.ensure_partitions_step(null) s);

create function pg_temp.bounds(p_name text) returns text
language sql
return (select pg_get_expr(c.relpartbound, c.oid) from pg_class c where c.oid = to_regclass(p_name) and c.relispartition);

select is(core.partition_name('2031-06-05'), 'core.locations_20310605', 'the name of a partition');

-- What is missing.

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 23:59:59+00';
select is(
    array(select core.missing_partitions()), array(select date '2031-07-07' - n from generate_series(0, 37) n),
    'from 7 days ahead to retention days back, the newest first');
set local timezone = 'Pacific/Auckland';
select is((select max(m) from core.missing_partitions() m), '2031-07-07'::date, 'days are of UTC');
set local timezone = 'UTC';
update core.settings set location_retention_days = 2;
select is(
    array(select core.missing_partitions()), array(select date '2031-07-07' - n from generate_series(0, 9) n),
    'the setting counts');

-- Making one.

select is(core.create_partition('2031-07-01'), 0::bigint, 'a new partition; no points moved');
select is(pg_temp.bounds('core.locations_20310701'),
    'FOR VALUES FROM (''2031-07-01 00:00:00+00'') TO (''2031-07-02 00:00:00+00'')', 'is attached with the bounds of its day');
select is((select count(*) from core.missing_partitions() m where m = '2031-07-01'), 0::bigint, 'and missing no more');
select is(core.create_partition('2031-07-01'), null, 'it is made once');

set local timezone = 'America/St_Johns';
set local datestyle = 'SQL, DMY';
select core.create_partition('2031-07-02') \g /dev/null
set local timezone = 'UTC';
set local datestyle = 'ISO';
select is(pg_temp.bounds('core.locations_20310702'),
    'FOR VALUES FROM (''2031-07-02 00:00:00+00'') TO (''2031-07-03 00:00:00+00'')', 'whatever the time zone and style of the session');

-- It has all that others have.

select results_eq(
    $$ select * from pg_temp.columns('core.locations_20310701') $$, $$ select * from pg_temp.columns('core.locations') $$, 'its columns');
select set_eq(
    $$ select pg_temp.keys('core.locations_20310701') $$, $$ select pg_temp.keys('core.locations') $$, 'its keys');

-- Points that came before their partition.

select pg_temp.device(1) \g /dev/null
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy, provider, battery_level)
select pg_temp.id(1), at, 1, 2, 3, 'gps', 4
from unnest(array['2031-06-29 23:59:59.999', '2031-06-30 00:00:00', '2031-06-30 23:59:59.999', '2031-07-01 00:00:00']::timestamptz[]) at;
create temporary table before as select * from core.locations;
select is((select count(*) from core.locations_default), 3::bigint, 'points of days without partition are in the default one');
select is(core.create_partition('2031-06-30'), 2::bigint, 'those of the day move home');
select is(
    array(select tableoid::regclass::text from core.locations order by captured_at),
    array['core.locations_default', 'core.locations_20310630', 'core.locations_20310630', 'core.locations_20310701'], 'and only those');
select results_eq(
    'select * from core.locations order by captured_at', 'select * from before order by captured_at',
    'none is lost, doubled or changed');
select is(
    (select a.answer ->> 'duplicate_count' from api.upload_location(
        pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1), 'timestamp', pg_temp.ms('2031-06-30 00:00:00+00')))) a),
    '1', 'a point that moved is still known');

-- Making all at once, at deployment and start: what needs no moving.

set local pm.test_now = '2031-06-30 12:00:00+00';
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy) values (pg_temp.id(1), '2031-07-05 00:00:00', 1, 2, 3);
insert into before select * from core.locations where captured_at = '2031-07-05 00:00:00';
select is(core.ensure_partitions(), 5, 'all that have no points in the default partition');
select is(array(select core.missing_partitions()), array['2031-07-05', '2031-06-29']::date[], 'the rest is left to the job');
select is(core.ensure_partitions(), 0, 'nothing more to do');
select is(current_setting('lock_timeout'), '50ms', 'it does not wait for long');
select is(pg_temp.step(), '1', 'the job moves the rest, the newest first');
select is(array(select core.missing_partitions()), array['2031-06-29']::date[], 'a day a step');
select is(pg_temp.step(), '1', 'to the oldest');
select is(pg_temp.step(), '0, the last', 'none is missing');
select is((select count(*) from core.locations_default), 0::bigint, 'the default partition is empty');
select results_eq(
    'select * from core.locations order by captured_at', 'select * from before order by captured_at', 'all points are there');

-- The job makes one a step, the newest first.

set local pm.test_now = '2031-07-02 12:00:00+00';
select is(pg_temp.step(), '0', 'a step; no points moved');
select is(array(select core.missing_partitions()), array['2031-07-08']::date[], 'the newest was made');
select is(pg_temp.step(), '0', 'the next step');
select is(pg_temp.step(), '0, the last', 'the end');

-- A partition that somebody detached is not made again, and stops nothing.

alter table core.locations detach partition core.locations_20310705;
select is(pg_temp.step(), '0, the last', 'a detached partition is nobody''s to replace');
select is(core.ensure_partitions(), 0, 'at the start of an instance neither');
select lives_ok(
    $$ insert into core.locations (device_id, captured_at, latitude, longitude, accuracy) values (pg_temp.id(1), '2031-07-05', 1, 2, 3) $$,
    'points of its day go to the default partition');
select is(pg_temp.failure('select jobs.ensure_partitions_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');

select * from finish();
rollback;
