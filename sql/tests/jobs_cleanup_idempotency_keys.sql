-- jobs.cleanup_idempotency_keys_step; jobs.cleanup_idempotency_keys, which commits, is called elsewhere.

begin;
\ir fixtures.psql
select plan(10);

select pg_temp.function_is('jobs.cleanup_idempotency_keys_step(jsonb)',
    'p_position jsonb, OUT next_position jsonb, OUT handled bigint', 'record', 'volatile', null);
select pg_temp.function_is('jobs.cleanup_idempotency_keys()', '', null, 'volatile', 'pm_admin');

create function pg_temp.answer(p_key text, p_created_at timestamptz) returns void
language sql
begin atomic
    insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
    values (1, 'upload_location', sha256(p_key::bytea), sha256('request'), pg_temp.id(1), '{}', p_created_at);
end;

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.api_key(1), pg_temp.device(1) \g /dev/null
select pg_temp.answer('old', '2031-06-01'), pg_temp.answer('late', '2031-06-29 12:00'), pg_temp.answer('in time', '2031-06-29 12:00:00.001'),
    pg_temp.answer('new', '2031-06-30 12:00') \g /dev/null

create temporary table step as select * from jobs.cleanup_idempotency_keys_step(null);
select is((select handled from step), 2::bigint, 'answers past their time');
select is((select next_position from step), null, 'are all gone with a step');
select is(
    array(select created_at from core.idempotency_keys order by created_at),
    array['2031-06-29 12:00:00.001', '2031-06-30 12:00']::timestamptz[], 'and the others stay');

update core.settings set idempotency_ttl_hours = 1;
select is((select handled from jobs.cleanup_idempotency_keys_step(null)), 1::bigint, 'the setting counts');

-- A step removes 10,000, the oldest first.

select pg_temp.answer(n::text, timestamptz '2031-06-30 10:00' - make_interval(secs => n)) from generate_series(1, 10001) n \g /dev/null
truncate step;
insert into step select * from jobs.cleanup_idempotency_keys_step(null);
select is((select (next_position is not null) || ' ' || handled from step), 'true 10000', 'a step of many');
select is(
    array(select created_at from core.idempotency_keys order by created_at),
    array['2031-06-30 09:59:59', '2031-06-30 12:00']::timestamptz[], 'leaves the newest');
insert into step select s.* from step, jobs.cleanup_idempotency_keys_step(next_position) s;
select is(array(select handled from step where next_position is null), array[1]::bigint[], 'to the next');

select is(pg_temp.failure('select jobs.cleanup_idempotency_keys_step(null)', 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not call it alone');

select * from finish();
rollback;
