-- admin.storage_report

begin;
\ir fixtures.psql
select plan(11);

select pg_temp.function_is('admin.storage_report()', '',
    'TABLE(name text, day date, rows_estimate bigint, table_size text, index_size text, total_size text, total_bytes bigint)',
    'stable definer', 'pm_admin');

select pg_temp.device(1), pg_temp.device(2) \g /dev/null
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(1), now() - make_interval(secs => n), 1, 2, 3 from generate_series(1, 1000) n;
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy) values (pg_temp.id(1), '2001-01-01', 1, 2, 3);
analyze core.locations, core.devices;
select pg_database_size(current_database()) as before \gset
create temporary table report as select * from admin.storage_report() with ordinality r(name, day, rows_estimate, table_size, index_size, total_size, total_bytes, position);

select is((select name from report where position = 1), 'the whole database', 'first the database');
select is(
    (select total_bytes between :before and pg_database_size(current_database()) from report where position = 1), true, 'with its size');
select set_eq(
    'select name from report',
    $$
    select 'the whole database'
    union all
    select relname::text from pg_class where relnamespace = 'core'::regnamespace and relkind in ('r', 'p', 'm')
    $$,
    'each table, each partition');
select is_empty(
    $$
    select r.name, r.day from report r
    where (r.name ~ '^locations_\d{8}$') <> (r.day is not null) or r.name <> 'locations_' || to_char(r.day, 'YYYYMMDD')
    $$,
    'partitions have a day, and nothing else has');
select is(
    array(select day from report where day is not null order by position), array(select day from report where day is not null order by day desc),
    'the newest first');
select is(
    (select (rows_estimate, total_bytes)::text from report where name = 'locations'),
    (select (sum(rows_estimate), sum(total_bytes))::text from report where name ~ '^locations_'), 'the line of all points is the sum of its days');
select is((select rows_estimate from report where name = 'locations'), 1001::bigint, 'with their number');
select is(
    (select (rows_estimate, table_size, index_size, total_size, total_bytes)::text from report where name = 'devices'),
    (select (2, pg_size_pretty(pg_table_size(t)), pg_size_pretty(pg_indexes_size(t)), pg_size_pretty(pg_total_relation_size(t)), pg_total_relation_size(t))::text
        from (values ('core.devices'::regclass)) v(t)),
    'a table: rows, and what it takes with and without its indexes');
select is(
    array(select name from report where day is null and position > 1 and name <> 'locations_default' order by position),
    array(select name from report where day is null and position > 1 and name <> 'locations_default' order by total_bytes desc, name),
    'the largest first');
select is(pg_temp.failure('select * from admin.storage_report()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
