-- jobs.cleanup_rate_limits_step; jobs.cleanup_rate_limits, which commits, is called elsewhere.

begin;
\ir fixtures.psql
select plan(9);

select pg_temp.function_is('jobs.cleanup_rate_limits_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.cleanup_rate_limits()', '', null, 'volatile', 'pm_admin');

-- Windows as api.admit leaves them.

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.api_key(n, true) from generate_series(1, 3) n \g /dev/null
select api.admit(pg_temp.key_hash(1), c) from unnest(array['default', 'admin', 'privacy']) c \g /dev/null
set local pm.test_now = '2031-06-30 12:59:30+00';
select api.admit(pg_temp.key_hash(2), c) from unnest(array['default', 'privacy']) c \g /dev/null

set local pm.test_now = '2031-06-30 13:00:30+00';
select is((select handled from jobs.cleanup_rate_limits_step(null)), 0::bigint, 'none while one might still count');
set local pm.test_now = '2031-06-30 14:01:00+00';
create temporary table step as select * from jobs.cleanup_rate_limits_step(null);
select is((select handled from step), 3::bigint, 'those of every class that were not used for two hours');
select is((select next_position from step), null, 'with one step');
select results_eq('select api_key_id, class::text from core.rate_limits order by 2', $$ values (2::bigint, 'default'), (2, 'privacy') $$, 'the others stay');

-- A step removes 10,000.

insert into core.api_keys (key_hash, key_prefix, name) select sha256(n::text::bytea), 'pm_12345', 'many' from generate_series(1, 10001) n;
insert into core.rate_limits (api_key_id, class, last_slot, total, slots)
select k.id, 'default', 0, 0, array_fill(0, array[61]) from core.api_keys k where k.name = 'many';
truncate step;
insert into step select * from jobs.cleanup_rate_limits_step(null);
select is((select (next_position is not null) || ' ' || handled from step), 'true 10000', 'a step of many');
select is((select s.handled from step, jobs.cleanup_rate_limits_step(step.next_position) s), 1::bigint, 'leaves the rest to the next');
select is(pg_temp.failure('select jobs.cleanup_rate_limits_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');

select * from finish();
rollback;
