-- jobs.begin_run, jobs.continue_run, jobs.end_run with core.job_lock and core.job_session, and how jobs.run is declared. That two
-- sessions keep apart, and all that commits, is tested elsewhere.

begin;
\ir fixtures.psql
select plan(40);

select pg_temp.function_is('core.job_lock(text)', 'p_job_name text', 'bigint', 'immutable', null);
select pg_temp.function_is('core.job_session(text)', 'p_job_name text', 'integer', 'volatile', null);
select pg_temp.function_is('jobs.begin_run(text)', 'p_job_name text', 'bigint', 'volatile definer', 'pm_admin');
select pg_temp.function_is('jobs.continue_run(bigint)', 'p_run_id bigint', 'boolean', 'volatile definer', 'pm_admin');
select pg_temp.function_is(
    'jobs.end_run(bigint, text)', 'p_run_id bigint, p_error text DEFAULT NULL::text', 'void', 'volatile definer', 'pm_admin');

select pg_temp.function_is('jobs.run(text)', 'IN p_job_name text', null, 'volatile', 'pm_admin');

-- Two jobs: one of two steps, that handle 10 and 5 rows, and one of a single step that finds nothing to do.
create table core.steps as select null::jsonb as position, ''::text as lock_timeout limit 0;
alter table core.steps owner to pm_owner;
create function jobs.sweep_step(p_position jsonb, out next_position jsonb, out handled bigint) language plpgsql as $$
begin
    insert into core.steps select p_position, current_setting('lock_timeout');
    handled := case when p_position is null then 10 else 5 end;
    next_position := case when p_position is null then '{"half": true}' end;
end
$$;
create function jobs.mop_step(p_position jsonb, out next_position jsonb, out handled bigint) language sql return (null::jsonb, 0::bigint);

create function pg_temp.locks() returns bigint
language sql
return (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted);
create function pg_temp.run(p_id bigint) returns text
language sql
return (
    select concat_ws(' ', r.job_name, case when r.ended_at is null then 'runs' else 'ended' end, r.rows, r.error, r.next_position)
    from core.job_runs r where r.id = p_id);

-- A run.

select is(core.job_session('sweep'), null, 'nobody runs it');
select jobs.begin_run('sweep') as run \gset
select is(pg_temp.run(:run), 'sweep runs 0', 'it is recorded');
select cmp_ok((select started_at from core.job_runs where id = :run), '>', now(), 'with the time, not that of the transaction');
select is(pg_temp.locks(), 1::bigint, 'it holds a lock');
select is(core.job_session('sweep'), pg_backend_pid(), 'by which its session is known');
select is(core.job_session('mop'), null, 'as that of this job only');
select is(current_setting('application_name'), 'phone-manager job sweep', 'its session can be told from others');
select is(jobs.continue_run(:run), true, 'a step, after which another one is to follow');
select is(pg_temp.run(:run), 'sweep runs 10 {"half": true}', 'its rows are recorded, and where the next goes on');
select is(current_setting('application_name'), 'phone-manager job sweep: 10 rows', 'for all to see, also while the step is not committed');
select is(jobs.continue_run(:run), false, 'the last step');
select is(pg_temp.run(:run), 'sweep ended 15', 'rows add up, and it has succeeded');
select cmp_ok(ended_at, '>', started_at, 'after it began') from core.job_runs where id = :run;
select results_eq(
    'select position, lock_timeout from core.steps', $$ values (null::jsonb, '50ms'), ('{"half": true}', '50ms') $$,
    'each step was told where to go on, and would have waited for a lock for a moment only');
select jobs.end_run(:run) \g /dev/null
select is(pg_temp.run(:run), 'sweep ended 15', 'it stays a success');
select is(pg_temp.locks(), 0::bigint, 'its lock is free');
select isnt(current_setting('application_name'), 'phone-manager job sweep: 15 rows', 'and its session has its own name again');

-- Rows of all runs.

create function pg_temp.total(p_id bigint) returns bigint
language sql
return (select r.rows_total from core.job_runs r where r.id = p_id);

select is(pg_temp.total(:run), 15::bigint, 'the first run counts its own rows');
select jobs.begin_run('sweep') as second \gset
select is(pg_temp.total(:second), 15::bigint, 'the next goes on from there');
select jobs.continue_run(:second), jobs.end_run(:second) \g /dev/null
select is(array[pg_temp.total(:second), pg_temp.total(:run)], array[25, 15]::bigint[], 'and adds its own');
select jobs.begin_run('mop') as mopping \gset
select is(pg_temp.total(:mopping), 0::bigint, 'each job by itself');
select jobs.end_run(:mopping) \g /dev/null
delete from core.job_runs where id = :run;
select jobs.begin_run('sweep') as third \gset
select is(pg_temp.total(:third), 25::bigint, 'whatever became of older runs');
select jobs.end_run(:third) \g /dev/null

-- Runs that failed, were broken off, or killed, and one of another job.

select is(pg_temp.run(:second), 'sweep ended 10 interrupted {"half": true}', 'who ends a run before its last step has not made it a success');
select jobs.begin_run('sweep') as failed \gset
select jobs.end_run(:failed, 'disk full') \g /dev/null
select is(pg_temp.run(:failed), 'sweep ended 0 disk full', 'a failure');
select jobs.begin_run('sweep') as killed \gset
select jobs.begin_run('mop') as other \gset
select is(pg_temp.locks(), 2::bigint, 'two jobs may run at the same time');
select pg_advisory_unlock_all() \g /dev/null
select jobs.begin_run('sweep') as next \gset
select is(
    array[pg_temp.run(:killed), pg_temp.run(:other), pg_temp.run(:next), pg_temp.run(:failed)],
    array['sweep ended 0 interrupted', 'mop runs 0', 'sweep runs 0', 'sweep ended 0 disk full'],
    'the next run closes one that was killed, but none of another job, and none that ended');

-- Runs of other sessions, as their locks tell: nobody can add to them, or end them.

select is(
    pg_temp.refusals('select jobs.continue_run(%L)', null, '0', :'other', :'killed'),
    array(select 'PT409 Run ' || r || ' is not under way in this session.' from unnest(array['null', '0', :'other', :'killed']) r order by 1),
    'no step of a run of another session, of one that ended, or of none');
select jobs.end_run(:other, 'made up'), jobs.end_run(0, 'made up') \g /dev/null
select is(pg_temp.run(:other), 'mop runs 0', 'nor its end');
select is(pg_temp.failure($$ select jobs.continue_run(jobs.begin_run('mop')) $$, 'pm_admin'), null, 'pm_admin may call them, which does the work');

-- A lock is never held longer than a run.

select pg_advisory_unlock_all() \g /dev/null
select jobs.begin_run('sweep') \g /dev/null
select jobs.begin_run('sweep') as again \gset
select jobs.end_run(:again) \g /dev/null
select is(pg_temp.locks(), 0::bigint, 'a session that begins a run twice ends it once');
alter table core.job_runs add constraint full_disk check (job_name <> 'mop') not valid;
select is(pg_temp.failure($$ select jobs.begin_run('mop') $$) ->> 'sqlstate', '23514', 'where a run cannot be recorded');
select is(pg_temp.locks(), 0::bigint, 'nobody is kept from running the job');
alter table core.job_runs drop constraint full_disk;

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
