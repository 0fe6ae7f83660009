-- jobs.refresh_group_counts_step; jobs.refresh_group_counts, which commits, is called elsewhere.

begin;
\ir fixtures.psql
select plan(9);

select pg_temp.function_is('jobs.refresh_group_counts_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.refresh_group_counts()', '', null, 'volatile', 'pm_admin');

select pg_temp.device(1, 'one'), pg_temp.device(2, 'one', false), pg_temp.device(3, 'two') \g /dev/null
create temporary table step as select * from jobs.refresh_group_counts_step(null);
select is((select handled from step), 2::bigint, 'the groups');
select is((select next_position from step), null, 'in one step');
select is(
    array(select (group_id, active_count, total_count)::text from core.group_member_counts order by group_id),
    array['(one,1,2)', '(two,1,1)'], 'their devices are counted');
select set_eq(
    $$ select l.mode from pg_locks l where l.relation = 'core.group_member_counts'::regclass and l.pid = pg_backend_pid() and l.mode ~ 'Exclusive' $$,
    array['ExclusiveLock', 'RowExclusiveLock'], 'no lock that a reader would wait for');

delete from core.devices where group_id = 'one';
select is(pg_temp.failure($$ select jobs.continue_run(jobs.begin_run('refresh_group_counts')) $$, 'pm_admin'), null, 'pm_admin may have it done');
select is(array(select group_id::text from core.group_member_counts), array['two'], 'and it took effect');
select is(pg_temp.failure('select jobs.refresh_group_counts_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');

select * from finish();
rollback;
