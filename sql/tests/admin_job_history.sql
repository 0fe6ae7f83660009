-- admin.job_history

begin;
\ir fixtures.psql
select plan(11);

select pg_temp.function_is('admin.job_history(text, bigint, integer)',
    'p_job_name text DEFAULT NULL::text, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 20',
    'TABLE(id bigint, job_name text, status text, started_at timestamp with time zone, duration interval, rows bigint, error text)',
    'volatile definer', 'pm_admin');
select is_empty('select * from admin.job_history()', 'no job has run');

set local timezone = 'UTC';
select jobs.begin_run('cleanup_locations') as first, jobs.begin_run('ensure_partitions') as second \gset
select jobs.end_run(:first), jobs.end_run(:second, 'disk full') \g /dev/null
update core.job_runs
set started_at = '2031-06-30 01:00:00.5', ended_at = '2031-06-30 01:00:01.7501234', rows = 12, error = null
where id = :first;
update core.job_runs set started_at = '2031-06-30 01:05', ended_at = '2031-06-30 02:06:07', rows = 3 where id = :second;

select results_eq(
    'select * from admin.job_history()',
    format(
        $$ values
            (%s::bigint, 'ensure_partitions', 'failed', timestamptz '2031-06-30 01:05', interval '01:01:07', 3::bigint, 'disk full'),
            (%s, 'cleanup_locations', 'succeeded', '2031-06-30 01:00:00', '00:00:01.25', 12, null) $$,
        :second, :first),
    'runs that ended, the latest first: how, when, how long, how much, and why not');

-- A run that is under way.

select jobs.begin_run('cleanup_locations') as running \gset
update core.job_runs set rows = 30 where id = :running;
select results_eq(
    $$ select id, status, rows, error from admin.job_history(p_limit => 1) $$,
    format($$ values (%s::bigint, 'running', 30::bigint, null::text) $$, :running), 'it shows what it has handled so far');
select cmp_ok(duration, '>=', interval '0', 'and for how long') from admin.job_history(p_limit => 1);
select pg_advisory_unlock_all() \g /dev/null
select is((select status from admin.job_history(p_limit => 1)), 'interrupted', 'without its lock nobody runs it any more');
select jobs.begin_run('ensure_partitions') \g /dev/null
select is(
    array(select job_name || ' ' || status from admin.job_history(p_limit => 2)), array['ensure_partitions running', 'cleanup_locations interrupted'],
    'the lock of another job is no sign of it');

-- Filter and pages.

select is(array(select id from admin.job_history('cleanup_locations')), array[:running, :first]::bigint[], 'of one job');
select is(array(select id from admin.job_history(p_before => :running)), array[:second, :first]::bigint[], 'the page before a run');
select throws_ok('select admin.job_history(p_limit => 0)', 'PT400', 'p_limit must be from 1 to 1000.', 'an empty page');
select is(pg_temp.failure('select * from admin.job_history()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
