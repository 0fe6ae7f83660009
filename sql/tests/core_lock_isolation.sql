-- Rules that are checked under a lock must see what its last holder committed: other isolation levels are refused.

begin isolation level repeatable read;
\ir fixtures.psql
select plan(5);

select pg_temp.device(1), pg_temp.api_key(1) \g /dev/null
select throws_ok(
    $$ select core.lock_name('group', 'a') $$, '25001', 'This must run at READ COMMITTED, not REPEATABLE READ.', 'core.lock_name');
select throws_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(2), 'display_name', 'Anna', 'group_id', 'family')) $$,
    '25001', null, 'a registration');
select throws_ok(
    $$ select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1))), pg_temp.context(1, 'k')) $$,
    '25001', null, 'an upload with an idempotency key');
select throws_ok($$ select core.create_partition('2040-01-01') $$, '25001', null, 'a new partition');
select lives_ok(
    $$ select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) $$, 'an upload without a key takes no lock');

select * from finish();
rollback;
