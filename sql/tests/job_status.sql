-- core.job_status

begin;
\ir fixtures.psql
select plan(4);

select results_eq(
    $$ select name, type from pg_temp.columns('core.job_status') $$,
    $$ values
        ('job_name', 'text'), ('started_at', 'timestamp with time zone'), ('ended_at', 'timestamp with time zone'),
        ('failed', 'boolean'), ('rows', 'bigint'), ('rows_total', 'bigint'), ('succeeded_at', 'timestamp with time zone') $$,
    'columns');
select is(
    (select relkind::text || relowner::regrole::text from pg_class where oid = 'core.job_status'::regclass), 'vpm_owner', 'a view of pm_owner');

set local timezone = 'UTC';
select is_empty('select * from core.job_status', 'no jobs, no rows');
insert into core.job_runs (job_name, started_at, ended_at, rows, error, rows_total) values
    ('a', '2031-01-01 10:00', '2031-01-01 10:01', 5, null, 5),
    ('a', '2031-01-01 11:00', '2031-01-01 11:02', 6, null, 11),
    ('a', '2031-01-01 12:00', '2031-01-01 12:01', 1, 'broken', 12),
    ('b', '2031-01-01 10:00', null, 2, null, 2);
set local role pm_monitor;
select results_eq(
    'select * from core.job_status order by job_name',
    $$ values
        ('a', timestamptz '2031-01-01 12:00', timestamptz '2031-01-01 12:01', true, 1::bigint, 12::bigint, timestamptz '2031-01-01 11:02'),
        ('b', '2031-01-01 10:00', null, false, 2, 2, null) $$,
    'pm_monitor sees the last run of each job, and its last success');

reset role;
select * from finish();
rollback;
