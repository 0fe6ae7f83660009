-- jobs.begin_run, jobs.record_progress, jobs.end_run, and how jobs.run is declared. That two sessions keep apart, and all
-- that commits, is tested elsewhere.

begin;
\ir fixtures.psql
select plan(29);

select pg_temp.function_is('jobs.begin_run(text)', 'p_job_name text', 'bigint', 'volatile definer', 'pm_admin');
select pg_temp.function_is(
    'jobs.record_progress(bigint, bigint)', 'p_run_id bigint, p_rows bigint', 'void', 'volatile definer', 'pm_admin');
select pg_temp.function_is('jobs.end_run(bigint, text)', 'p_run_id bigint, p_error text', 'void', 'volatile definer', 'pm_admin');

select pg_temp.function_is('jobs.run(text)', 'IN p_job_name text', null, 'volatile', 'pm_admin');

-- Two jobs.
create function jobs.sweep_step(p_position jsonb) returns jsonb language sql return p_position;
create function jobs.mop_step(p_position jsonb) returns jsonb language sql return p_position;

create function pg_temp.locks() returns bigint
language sql
return (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted);
create function pg_temp.run(p_id bigint) returns text
language sql
return (
    select concat_ws(' ', r.job_name, case when r.ended_at is null then 'runs' else 'ended' end, r.rows, r.error)
    from core.job_runs r where r.id = p_id);

-- A run.

select jobs.begin_run('sweep') as run \gset
select is(pg_temp.run(:run), 'sweep runs 0', 'it is recorded');
select cmp_ok((select started_at from core.job_runs where id = :run), '>', now(), 'with the time, not that of the transaction');
select is(pg_temp.locks(), 1::bigint, 'it holds a lock');
select is(current_setting('application_name'), 'phone-manager job sweep', 'its session can be told from others');
select jobs.record_progress(:run, 10), jobs.record_progress(:run, 5), jobs.record_progress(:run, 0) \g /dev/null
select is(pg_temp.run(:run), 'sweep runs 15', 'rows add up');
select is(current_setting('application_name'), 'phone-manager job sweep: 15 rows', 'for all to see, also while the step is not committed');
select jobs.end_run(:run, null) \g /dev/null
select is(pg_temp.run(:run), 'sweep ended 15', 'it ended');
select cmp_ok(ended_at, '>', started_at, 'after it began') from core.job_runs where id = :run;
select is(pg_temp.locks(), 0::bigint, 'its lock is free');
select isnt(current_setting('application_name'), 'phone-manager job sweep: 15 rows', 'and its session has its own name again');

-- Rows of all runs.

create function pg_temp.total(p_id bigint) returns bigint
language sql
return (select r.rows_total from core.job_runs r where r.id = p_id);

select is(pg_temp.total(:run), 15::bigint, 'the first run counts its own rows');
select jobs.begin_run('sweep') as second \gset
select is(pg_temp.total(:second), 15::bigint, 'the next goes on from there');
select jobs.record_progress(:second, 7), jobs.end_run(:second, null) \g /dev/null
select is(array[pg_temp.total(:second), pg_temp.total(:run)], array[22, 15]::bigint[], 'and adds its own');
select jobs.begin_run('mop') as mopping \gset
select is(pg_temp.total(:mopping), 0::bigint, 'each job by itself');
select jobs.end_run(:mopping, null) \g /dev/null
delete from core.job_runs where id = :run;
select jobs.begin_run('sweep') as third \gset
select is(pg_temp.total(:third), 22::bigint, 'whatever became of older runs');
select jobs.end_run(:third, null) \g /dev/null

-- A run that failed, one that was killed, and one of another job.

select jobs.begin_run('sweep') as failed \gset
select jobs.end_run(:failed, 'disk full') \g /dev/null
select is(pg_temp.run(:failed), 'sweep ended 0 disk full', 'a failure');
select jobs.begin_run('sweep') as killed \gset
select jobs.begin_run('mop') as other \gset
select is(pg_temp.locks(), 2::bigint, 'two jobs may run at the same time');
select pg_advisory_unlock_all() \g /dev/null
select jobs.begin_run('sweep') as next \gset
select is(pg_temp.run(:killed), 'sweep ended 0 interrupted', 'the next run closes one that was killed');
select is(pg_temp.run(:other), 'mop runs 0', 'but none of another job');
select is(pg_temp.run(:next), 'sweep runs 0', 'and runs itself');
select is(pg_temp.run(:failed), 'sweep ended 0 disk full', 'what ended stays as it was');

select lives_ok('select jobs.end_run(0, null)', 'the end of an unknown run does nothing');
select is(pg_temp.failure($$ select jobs.end_run(jobs.begin_run('mop'), null) $$, 'pm_admin'), null, 'pm_admin may call them');

-- A name is that of a job, whole and as it stands.

select is(
    pg_temp.failure($$ select jobs.begin_run('dust') $$),
    '{"sqlstate": "PT404", "message": "There is no job ''dust''.", "detail": "",
      "hint": "Jobs: cleanup_audit_log, cleanup_idempotency_keys, cleanup_locations, cleanup_rate_limits, ensure_partitions, mop, refresh_group_counts, sweep"}'::jsonb,
    'no such job');
select is(
    pg_temp.refusals('select jobs.begin_run(%L)', null, '', 'Sweep', 'sweep_step', 'swee_', 'jobs.sweep', 'sweep_step(null); --'),
    array['PT404 There is no job ''''.', 'PT404 There is no job ''Sweep''.', 'PT404 There is no job ''jobs.sweep''.',
        'PT404 There is no job ''swee_''.', 'PT404 There is no job ''sweep_step''.', 'PT404 There is no job ''sweep_step(null); --''.',
        'PT404 There is no job NULL.'],
    'nor parts, patterns and more than a name');

select * from finish();
rollback;
