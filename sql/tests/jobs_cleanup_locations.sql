-- jobs.cleanup_locations_step, step by step; the procedure commits, and so is tested elsewhere.

begin;
\ir fixtures.psql
select plan(32);

select pg_temp.function_is('jobs.cleanup_locations_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.cleanup_locations()', '', null, 'volatile', 'pm_admin');

-- All steps to the end; what each handled.
create function pg_temp.cleanup() returns bigint[]
language plpgsql
as $$
declare
    v_position jsonb;
    v_handled  bigint;
    v_all      bigint[] := '{}';
begin
    loop
        select s.next_position, s.handled into v_position, v_handled from jobs.cleanup_locations_step(v_position) s;
        v_all := v_all || v_handled;
        exit when v_position is null or cardinality(v_all) > 200;
    end loop;
    return v_all;
end
$$;
create function pg_temp.partitions() returns text[]
language sql
return array(select inhrelid::regclass::text from pg_inherits where inhparent = 'core.locations'::regclass order by 1);
create function pg_temp.store(p_device integer, variadic p_times timestamptz[]) returns void
language sql
begin atomic
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select pg_temp.id(p_device), t, 1, 2, 3 from unnest(p_times) t;
end;

-- At 2031-06-30 12:00, the retention began at 2031-05-31 12:00. The partitions of the deployment are long past it.

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
set local role pm_owner;
select core.ensure_partitions(), core.create_partition('2031-05-29'), core.create_partition('2031-05-30') \g /dev/null
reset role;
select pg_temp.device(1), pg_temp.device(2) \g /dev/null
-- Dropped:
select pg_temp.store(1, now(), now() - interval '1 day', '2031-05-29 08:00', '2031-05-30 23:59:59.999') \g /dev/null
-- Deleted at the boundary:
select pg_temp.store(1, '2031-05-31 00:00', '2031-05-31 11:59:59.999') \g /dev/null
-- Kept:
select pg_temp.store(1, '2031-05-31 12:00', '2031-05-31 23:00', '2031-06-01', '2031-06-30', '2031-07-08 12:00') \g /dev/null
-- Deleted from the default partition:
select pg_temp.store(1, '2001-01-01', '2031-05-28 23:00') \g /dev/null
select is((select count(*) from core.locations_default), 3::bigint, 'three points have no partition');

select count(*) as old from unnest(pg_temp.partitions()) p where p < 'core.locations_20310531' \gset
update core.devices
set last_captured_at = '2031-05-31 11:59:59.999', last_latitude = 1, last_longitude = 2, last_accuracy = 3, last_altitude = 4, last_bearing = 5,
    last_speed = 6, last_battery_level = 7
where device_id = pg_temp.id(1);
update core.devices
set last_captured_at = '2031-05-31 12:00', last_latitude = 1, last_longitude = 2, last_accuracy = 3
where device_id = pg_temp.id(2);
update core.devices set last_seen_at = '2031-06-01', updated_at = '2031-06-02';

-- A step after the other.

create temporary table step (n integer primary key, at jsonb, next jsonb, handled bigint);
create function pg_temp.take(p_from integer, p_to integer) returns setof bigint
language plpgsql
as $$
begin
    for i in p_from .. p_to loop
        insert into step
        select i, p.at, s.next_position, s.handled
        from (select (select next from step where n = i - 1) as at) p, jobs.cleanup_locations_step(p.at) s;
    end loop;
    return query select handled from step where n between p_from and p_to order by n;
end
$$;

select results_eq('select pg_temp.take(1, 3)', array[2, 2, 0]::bigint[],
    'points on the boundary and in the default partition; last locations do not count');
select is((select count(*) from unnest(pg_temp.partitions()) p where p < 'core.locations_20310531'), :old::bigint, 'no partition is gone');
select results_eq('select pg_temp.take(4, 4)', array[0]::bigint[], 'the points of the oldest partition are counted');
select is((select (next ->> 'counted') || ' ' || (next ->> 'points') from step where n = 4),
    (select min(p) from unnest(pg_temp.partitions()) p) || ' 0', 'which does not drop it');
select results_eq('select pg_temp.take(5, 5)', array[0]::bigint[], 'the next step does');
select is(
    array(select p from unnest(pg_temp.partitions()) p where p < 'core.locations_20310531'),
    (select (array_agg(p order by p))[2:] from (select format('core.locations_%s', to_char(d, 'YYYYMMDD')) p
        from generate_series((now() - interval '30 days') at time zone 'UTC', (now() + interval '7 days') at time zone 'UTC', '1 day') d
        union values ('core.locations_20310529'), ('core.locations_20310530')) e),
    'that one alone');
select is(
    (select s.handled || ' ' || (s.next_position ->> 'counted') from jobs.cleanup_locations_step('{"table": 4, "counted": "core.devices", "points": 9}') s),
    '0 ' || (select min(p) from unnest(pg_temp.partitions()) p), 'what a position names is not believed');
select is((select count(*) from core.devices), 2::bigint, 'and not dropped');
select is((select sum(s) from pg_temp.take(6, 3 + 2 * :old + 1) s), 4::numeric, 'so to the last');
select is((select next from step where n = 3 + 2 * :old + 1), null, 'which is the end');
select is(pg_temp.partitions(),
    array(select 'core.locations_' || to_char(date '2031-05-31' + n, 'YYYYMMDD') from generate_series(0, 37) n) || 'core.locations_default'::text,
    'partitions from the day on which the retention began');
select is(
    array(select captured_at from core.locations order by captured_at),
    array['2031-05-31 12:00', '2031-05-31 23:00', '2031-06-01', '2031-06-30', '2031-07-08 12:00']::timestamptz[],
    'points from the time on at which it began');
select is(
    (
        select array_agg(distinct key)
        from core.devices d, jsonb_each_text(to_jsonb(d) - 'last_seen_at')
        where d.device_id = pg_temp.id(1) and key like 'last\_%' and value is not null
    ),
    null, 'a last location past it is cleared');
select is((select last_captured_at from core.devices where device_id = pg_temp.id(2)), '2031-05-31 12:00', 'a newer one is not');
select is(
    (select distinct last_seen_at || ' ' || updated_at from core.devices), '2031-06-01 00:00:00+00 2031-06-02 00:00:00+00',
    'the device was neither seen nor changed');
select is(pg_temp.cleanup(), array[0, 0, 0, 0]::bigint[], 'a second run finds nothing');

-- Without a partition on the boundary.

drop table core.locations_20310531;
select is(pg_temp.cleanup(), array[0, 0, 0, 0]::bigint[], 'that step does nothing');

-- Another retention, and time zones.

set local timezone = 'Pacific/Auckland';
update core.settings set location_retention_days = 1;
select is(
    (select sum(h) from unnest(pg_temp.cleanup()) h), 1::numeric,
    'the setting counts, and days are of UTC');
set local timezone = 'UTC';
select is(
    array(select captured_at from core.locations order by captured_at), array['2031-06-30', '2031-07-08 12:00']::timestamptz[],
    'what is left');
select is((select min(p) from unnest(pg_temp.partitions()) p), 'core.locations_20310629', 'also of partitions');
update core.settings set location_retention_days = 30;
set local role pm_owner;
select core.ensure_partitions() \g /dev/null
reset role;
set local timezone = 'Europe/Berlin';
set local pm.test_now = '2031-04-15 12:00:00+00';
select pg_temp.store(2, '2031-03-16 12:00:00+00', '2031-03-16 11:59:59+00') \g /dev/null
select pg_temp.cleanup() \g /dev/null
select is(array(select captured_at from core.locations where captured_at < '2031-04-01'), array['2031-03-16 12:00:00+00']::timestamptz[],
    'a day is 24 hours, also where clocks were changed since');
set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';

-- Many points: a range of pages a step, at most 10,000 points.

insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(2), timestamptz '2001-02-03' + make_interval(secs => n), 1, 2, 3 from generate_series(1, 25000) n;
create temporary table many as select h, n from unnest(pg_temp.cleanup()) with ordinality u(h, n);
select is((select sum(h) from many), 25001::numeric, 'all are deleted');
select cmp_ok((select max(h) from many), '<=', 10000::bigint, 'in portions');
select cmp_ok((select count(*) from many where h > 0), '>=', 3::bigint, 'several');
select is((select count(*) from core.locations where captured_at < '2031-01-01'), 0::bigint, 'none is left');

-- Other tables below core.locations are nobody's to drop.

create table core.locations_archive (like core.locations including all);
alter table core.locations_archive owner to pm_owner;
alter table core.locations attach partition core.locations_archive for values from ('1999-01-01') to ('2000-01-01');
select lives_ok('select pg_temp.cleanup()', 'a partition of another name');
select is('core.locations_archive' = any (pg_temp.partitions()), true, 'stays');
select is(pg_temp.failure('select jobs.cleanup_locations_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');
select is(pg_temp.failure('select jobs.cleanup_locations_step(null)', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
