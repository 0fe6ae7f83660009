-- jobs.cleanup_audit_log_step; jobs.cleanup_audit_log, which commits, is called elsewhere.

begin;
\ir fixtures.psql
select plan(12);

select pg_temp.function_is('jobs.cleanup_audit_log_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.cleanup_audit_log()', '', null, 'volatile', 'pm_admin');

create function pg_temp.entries(variadic p_times timestamptz[]) returns void
language sql
begin atomic
    insert into core.audit_log (created_at, action, resource_type) select t, 'act', 'thing' from unnest(p_times) t;
end;

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.entries('2031-01-01', '2031-04-01 11:59:59.999', '2031-04-01 12:00', '2031-06-30') \g /dev/null

-- Runs of two jobs.
insert into core.job_runs (job_name, started_at, ended_at, rows_total) values
    ('sweep', '2031-03-01', '2031-03-01', 1), ('sweep', '2031-04-01 11:00', '2031-04-01 11:59:59', 2), ('sweep', '2031-04-01 11:00:01', '2031-04-01 12:00', 3),
    ('sweep', '2031-06-01', null, 4), ('mop', '2031-01-01', '2031-01-01', 5), ('mop', '2031-02-01', '2031-02-01', 6);

create temporary table step as select * from jobs.cleanup_audit_log_step(null);
select is((select handled from step), 2::bigint, 'entries past their retention');
select is((select next_position from step), null, 'are all gone with a step');
select is(
    array(select created_at from core.audit_log order by created_at), array['2031-04-01 12:00', '2031-06-30']::timestamptz[],
    'and the others stay');
select results_eq('select job_name, rows_total from core.job_runs order by rows_total', $$ values ('sweep', 3::bigint), ('sweep', 4), ('mop', 6) $$,
    'so are runs, but the last of each job');

set local timezone = 'Pacific/Auckland';
update core.settings set audit_retention_days = 1;
select is((select handled from jobs.cleanup_audit_log_step(null)), 1::bigint, 'the setting counts');
select is((select count(*) from core.audit_log), 1::bigint, 'in days of 24 hours');
set local timezone = 'UTC';

-- A step removes 10,000, the oldest first.

select pg_temp.entries(timestamptz '2031-06-01' - make_interval(secs => n)) from generate_series(1, 10001) n \g /dev/null
truncate step;
insert into step select * from jobs.cleanup_audit_log_step(null);
select is((select (next_position is not null) || ' ' || handled from step), 'true 10000', 'a step of many');
select is(
    array(select created_at from core.audit_log order by created_at), array['2031-05-31 23:59:59', '2031-06-30']::timestamptz[], 'leaves the newest');
select is((select s.handled from step, jobs.cleanup_audit_log_step(step.next_position) s), 1::bigint, 'to the next');
select is(pg_temp.failure('select jobs.cleanup_audit_log_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');

select * from finish();
rollback;
