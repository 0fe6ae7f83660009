-- jobs.begin_run, jobs.record_progress, jobs.end_run. That two sessions keep apart is tested elsewhere.

begin;
\ir fixtures.psql
select plan(19);

select pg_temp.function_is('jobs.begin_run(text)', 'p_job_name text', 'bigint', 'volatile definer', 'pm_admin');
select pg_temp.function_is(
    'jobs.record_progress(bigint, bigint)', 'p_run_id bigint, p_rows bigint', 'void', 'volatile definer', 'pm_admin');
select pg_temp.function_is('jobs.end_run(bigint, text)', 'p_run_id bigint, p_error text', 'void', 'volatile definer', 'pm_admin');

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
select jobs.end_run(:run, null) \g /dev/null
select is(pg_temp.run(:run), 'sweep ended 15', 'it ended');
select cmp_ok(ended_at, '>', started_at, 'after it began') from core.job_runs where id = :run;
select is(pg_temp.locks(), 0::bigint, 'its lock is free');

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
select is(pg_temp.failure($$ select jobs.end_run(jobs.begin_run('a'), null) $$, 'pm_admin'), null, 'pm_admin may call them');

select * from finish();
rollback;
