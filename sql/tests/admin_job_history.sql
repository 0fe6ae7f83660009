-- admin.job_history

begin;
\ir fixtures.psql
select plan(12);

select pg_temp.function_is('admin.job_history(text, bigint, integer)',
    'p_job_name text DEFAULT NULL::text, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 20',
    'TABLE(id bigint, job_name text, status text, started_at timestamp with time zone, duration interval, rows bigint, error text)',
    'volatile definer', 'pm_admin');
select is_empty('select * from admin.job_history()', 'no job has run');

set local timezone = 'UTC';
insert into core.job_runs (id, job_name, started_at, ended_at, rows, error) overriding system value values
    (1, 'sweep', '2031-06-30 01:00:00.5', '2031-06-30 01:00:01.7501234', 12, null),
    (2, 'mop', '2031-06-30 01:05', '2031-06-30 02:06:07', 3, 'disk full');
select setval('core.job_runs_id_seq', 2) \g /dev/null

select results_eq(
    'select * from admin.job_history()',
    $$ values
        (2::bigint, 'mop', 'failed', timestamptz '2031-06-30 01:05', interval '01:01:07', 3::bigint, 'disk full'),
        (1, 'sweep', 'succeeded', '2031-06-30 01:00:00', '00:00:01.25', 12, null) $$,
    'runs that ended, the latest first: how, when, how long, how much, and why not');

-- A run that is under way.

select jobs.begin_run('sweep') as running \gset
select jobs.record_progress(:running, 30) \g /dev/null
select results_eq(
    $$ select id, status, rows, error from admin.job_history(p_limit => 1) $$,
    format($$ values (%s::bigint, 'running', 30::bigint, null::text) $$, :running), 'it shows what it has handled so far');
select cmp_ok(duration, '>=', interval '0', 'and for how long') from admin.job_history(p_limit => 1);
select jobs.record_progress(:running, 5) \g /dev/null
select is((select rows from admin.job_history(p_limit => 1)), 35::bigint, 'which grows');
select pg_advisory_unlock_all() \g /dev/null
select is((select status from admin.job_history(p_limit => 1)), 'interrupted', 'without its lock nobody runs it any more');
select jobs.begin_run('mop') \g /dev/null
select is(
    array(select job_name || ' ' || status from admin.job_history(p_limit => 2)), array['mop running', 'sweep interrupted'],
    'the lock of another job is no sign of it');

-- Filter and pages.

select is(array(select id from admin.job_history('sweep')), array[:running, 1]::bigint[], 'of one job');
select is(array(select id from admin.job_history(p_before => 3)), array[2, 1]::bigint[], 'the page before a run');
select throws_ok('select admin.job_history(p_limit => 0)', 'PT400', 'p_limit must be from 1 to 1000.', 'an empty page');
select is(pg_temp.failure('select * from admin.job_history()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
