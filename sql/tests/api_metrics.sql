-- api.metrics

begin;
\ir fixtures.psql
select plan(13);

select pg_temp.function_is('api.metrics(integer)', 'p_groups integer', 'json', 'stable definer', 'pm_api');
select is(api.metrics(5)::jsonb, '{"groups": [], "jobs": []}', 'nothing yet');

-- Groups.

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(n, 'group-' || n) from generate_series(1, 4) n \g /dev/null
select pg_temp.device(10, 'group-2'), pg_temp.device(11, 'group-2', false), pg_temp.device(12, 'gone', false) \g /dev/null
update core.devices set last_seen_at = core.now() + make_interval(hours => right(group_id, 1)::integer) where group_id like 'group-%';
select is(api.metrics(5)::jsonb -> 'groups', '[]', 'not refreshed yet');
refresh materialized view core.group_member_counts;
select is(
    api.metrics(5)::jsonb -> 'groups',
    '[{"group_id": "group-4", "active_count": 1}, {"group_id": "group-3", "active_count": 1}, {"group_id": "group-2", "active_count": 2},
      {"group_id": "group-1", "active_count": 1}, {"group_id": "gone", "active_count": 0}]',
    'active devices, of the group that was active last first');
select is(
    api.metrics(2)::jsonb -> 'groups', '[{"group_id": "group-4", "active_count": 1}, {"group_id": "group-3", "active_count": 1}]',
    'no more than wanted');
select is(api.metrics(0)::jsonb -> 'groups', '[]', 'or none at all');

-- Jobs.

create function pg_temp.job(p_name text) returns jsonb
language sql
return (select j - 'job_name' from jsonb_array_elements(api.metrics(0)::jsonb -> 'jobs') j where j ->> 'job_name' = p_name);

insert into core.job_runs (job_name, started_at, ended_at, rows, rows_total, error) values
    ('cleanup_locations', '2031-06-30 10:00:00+00', '2031-06-30 10:00:01.5+00', 5, 5, null),
    ('cleanup_locations', '2031-06-30 11:00:00+00', '2031-06-30 11:00:02.25+00', 7, 12, null),
    ('cleanup_locations', '2031-06-30 12:00:00+00', '2031-06-30 12:09:00+00', 3, 15, 'disk full'),
    ('cleanup_locations', '2031-06-30 13:00:00+00', null, 1, 16, null),
    ('sweep', '2031-06-30 11:00:00+00', '2031-06-30 11:00:10+00', 4, 4, null),
    ('fails', '2031-06-30 11:00:00+00', '2031-06-30 11:00:10+00', 0, 0, 'disk full'),
    ('runs', '2031-06-30 11:00:00+00', null, 0, 0, null);
select is(
    array(select j ->> 'job_name' from jsonb_array_elements(api.metrics(0)::jsonb -> 'jobs') j order by 1),
    '{cleanup_locations,fails,runs,sweep}', 'each job once');
select is(
    pg_temp.job('cleanup_locations'),
    jsonb_build_object(
        'duration_seconds', 2.25, 'last_success', extract(epoch from '2031-06-30 11:00:02.25+00'::timestamptz), 'locations_deleted', 16),
    'the last success, though it failed since and runs now; what all runs deleted, this one included');
select is(
    pg_temp.job('sweep') -> 'locations_deleted', 'null', 'the rows of another job are no locations');
select is(
    array[pg_temp.job('fails'), pg_temp.job('runs')],
    array_fill('{"duration_seconds": null, "last_success": null, "locations_deleted": null}'::jsonb, '{2}'), 'no success yet');

-- A long history and many groups cost nothing.

insert into core.job_runs (job_name, started_at, ended_at, error)
select 'job-' || n % 5, '2031-06-30 10:00:00+00'::timestamptz + make_interval(secs => n), '2031-07-30 10:00:00+00', case when n > 5 then 'broken' end
from generate_series(1, 20000) n;
insert into core.devices (device_id, display_name, group_id, last_seen_at, created_at, updated_at)
select pg_temp.id(n), 'Phone', 'many-' || n, core.now() + make_interval(secs => n), core.now(), core.now() from generate_series(10001, 15000) n;
refresh materialized view core.group_member_counts;
analyze core.job_runs, core.group_member_counts;
create temporary view reads as
select sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid)) as rows
from pg_class c
where c.oid in ('core.job_runs'::regclass, 'core.group_member_counts'::regclass)
    or c.oid in (select indexrelid from pg_index where indrelid in ('core.job_runs'::regclass, 'core.group_member_counts'::regclass));
select rows as before from reads \gset
select api.metrics(10) \g /dev/null
select cmp_ok((select rows - :before from reads), '<', 200::numeric, 'a few rows are read, not all');

select is(pg_temp.failure('select api.metrics(1)', 'pm_api'), null, 'pm_api may call it');
select is(pg_temp.failure('select api.metrics(1)', 'pm_monitor') ->> 'sqlstate', '42501', 'pm_monitor has views');

select * from finish();
rollback;
