-- core.lock_name, core.require_place

begin;
\ir fixtures.psql
select plan(11);

select pg_temp.function_is('core.lock_name(text, text)', 'p_kind text, p_name text', 'void', 'volatile', null);
select pg_temp.function_is('core.require_place(text)', 'p_group_id text', 'void', 'volatile', null);

-- Locks.

create function pg_temp.locks() returns bigint
language sql
return (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted);

select core.lock_name('group', 'a') \g /dev/null
select is(pg_temp.locks(), 1::bigint, 'a lock, held on');
select core.lock_name('group', 'a') \g /dev/null
select is(pg_temp.locks(), 1::bigint, 'the same lock');
select core.lock_name('group', 'b'), core.lock_name('kind', 'a') \g /dev/null
select is(pg_temp.locks(), 3::bigint, 'locks of another name, and of another kind');
select pg_advisory_unlock_all() \g /dev/null
select is(pg_temp.locks(), 3::bigint, 'nothing frees them before the end of the transaction');

-- A full group.

update core.settings set max_devices_per_group = 3;
select pg_temp.device(1), pg_temp.device(2), pg_temp.device(3, p_active => false), pg_temp.device(4, 'others') \g /dev/null
select lives_ok($$ select core.require_place('family') $$, 'two of three: inactive devices and other groups do not count');
select lives_ok($$ select core.require_place('nobody') $$, 'a new group has room');
select pg_temp.device(5) \g /dev/null
select is(
    pg_temp.failure($$ select core.require_place('family') $$),
    '{"sqlstate": "PT409", "message": "Group has reached maximum device limit (3)", "detail": "",
      "hint": "select * from admin.list_devices(p_group_id => ''family'');  -- one of these may leave"}', 'three of three');
update core.settings set max_devices_per_group = 2;
select throws_ok(
    $$ select core.require_place('family') $$, 'PT409', 'Group has reached maximum device limit (2)', 'three of two, after the limit was lowered');
update core.settings set max_devices_per_group = 4;
select lives_ok($$ select core.require_place('family') $$, 'three of four');

select * from finish();
rollback;
