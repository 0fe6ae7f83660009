-- core.find_replay, core.store_answer

begin;
\ir fixtures.psql
select plan(33);

select pg_temp.function_is('core.fingerprint(jsonb)', 'p_request jsonb', 'bytea', 'immutable', null);
select is(core.fingerprint('{"b": 1e131000, "a": 2}'), core.fingerprint(' { "a" :2.0,"b":1e131000} '), 'one fingerprint for what is equal');
select isnt(core.fingerprint('{"a": 2}'), core.fingerprint('{"a": 3}'), 'another for what is not');
select is(octet_length(core.fingerprint('[]')), 32, 'one for anything');

-- Batches that differ in a way that jsonb_hash_extended of the whole does not see.
create function pg_temp.track(p_count integer, p_latitude float8, p_swapped integer[] default '{}') returns jsonb
language sql
return jsonb_build_object('device_id', pg_temp.id(1), 'locations', (
    select jsonb_agg(jsonb_build_object(
        'timestamp', 1940587200000 + case n when p_swapped[1] then p_swapped[2] when p_swapped[2] then p_swapped[1] else n end,
        'latitude', p_latitude, 'longitude', 13.4, 'accuracy', 5) order by n)
    from generate_series(1, p_count) n));
select isnt(core.fingerprint(pg_temp.track(8, 52.1)), core.fingerprint(pg_temp.track(8, -33.9)), 'the same latitude at all points, but another');
select is(
    (
        select count(distinct core.fingerprint(pg_temp.track(12, 52.1, array[a, b])))
        from generate_series(1, 12) a, generate_series(1, 12) b
        where a < b
    ),
    66::bigint, 'two times changed places');
select isnt(core.fingerprint('{"locations": [[], {}]}'), core.fingerprint('{"locations": [{}, []]}'), 'two elements changed places');
select isnt(core.fingerprint('{"locations": [{"a": 1}]}'), core.fingerprint('{"locations": [{"b": 1}]}'), 'another field of a point');
select isnt(core.fingerprint('{"a": [1]}'), core.fingerprint('{"a": 1}'), 'an array of it is not the value');
select pg_temp.function_is(
    'core.find_replay(jsonb, text, jsonb)', 'p_context jsonb, p_endpoint text, p_request jsonb', 'json', 'volatile', null);
select pg_temp.function_is('core.store_answer(jsonb, text, jsonb, uuid, json)',
    'p_context jsonb, p_endpoint text, p_request jsonb, p_device_id uuid, p_answer json', 'void', 'volatile', null);

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1), pg_temp.api_key(1), pg_temp.api_key(2) \g /dev/null

create function pg_temp.replay(p_context jsonb, p_endpoint text, p_request jsonb) returns text
language sql
return core.find_replay(p_context, p_endpoint, p_request)::text;

-- Without a key.

select core.store_answer('{}', 'e', '{}', pg_temp.id(1), '{"a": 1}') \g /dev/null
select core.store_answer('{"api_key_id": 1}', 'e', '{}', pg_temp.id(1), '{"a": 1}') \g /dev/null
select core.store_answer('{"api_key_id": 1, "idempotency_key": null}', 'e', '{}', pg_temp.id(1), '{"a": 1}') \g /dev/null
select is_empty('select * from core.idempotency_keys', 'without a key nothing is stored');
select is(pg_temp.replay('{}', 'e', '{}'), null, 'nor found');
select is((select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), 0::bigint, 'nor locked');

-- With one.

select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}'), null, 'a new key');
select is((select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), 1::bigint, 'is locked');
select core.store_answer(pg_temp.context(1, 'k'), 'e', '{"x": 1}', pg_temp.id(1), '{"a":   1}') \g /dev/null
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}'), '{"a":   1}', 'the answer, to the byte');

select core.store_answer(pg_temp.context(1, 'long'), 'e', '{"x": 1, "y": {"b": 2, "a": null}}', pg_temp.id(1), '{}') \g /dev/null
select is(pg_temp.replay(pg_temp.context(1, 'long'), 'e', E'{"y":{"a":null,\n"b":2},   "x":1}'), '{}',
    'white space and the order of fields do not count');

select is(
    pg_temp.failure($$ select pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 2}') $$),
    '{"sqlstate": "PT422", "message": "This Idempotency-Key was used for another request.", "detail": "",
      "hint": "Send a new key with a new request, and the old body with the old key."}',
    'the key with another request');
select throws_ok(
    $$ select pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1, "y": null}') $$, 'PT422', null,
    'null is another request than nothing');
select throws_ok($$ select pg_temp.replay(pg_temp.context(1, 'k'), 'e', '[]') $$, 'PT422', null, 'another type of body');

select is(pg_temp.replay(pg_temp.context(1, 'other'), 'e', '{"x": 1}'), null, 'another key');
select is(pg_temp.replay(pg_temp.context(2, 'k'), 'e', '{"x": 2}'), null, 'the same key of another API key');
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'f', '{"x": 2}'), null, 'the same key at another endpoint');
select core.store_answer(pg_temp.context(2, 'k'), 'e', '{"x": 2}', pg_temp.id(1), '{"a": 2}') \g /dev/null
select core.store_answer(pg_temp.context(1, 'k'), 'f', '{"x": 2}', pg_temp.id(1), '{"a": 3}') \g /dev/null
select is(
    array[
        pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}'),
        pg_temp.replay(pg_temp.context(2, 'k'), 'e', '{"x": 2}'),
        pg_temp.replay(pg_temp.context(1, 'k'), 'f', '{"x": 2}')::text],
    array['{"a":   1}', '{"a": 2}', '{"a": 3}'], 'each has its own answer');

select results_eq(
    $$ select key_hash, request_hash, device_id, created_at from core.idempotency_keys where api_key_id = 2 $$,
    $$ values (sha256('k'), core.fingerprint('{ "x": 2.0 }'), pg_temp.id(1), timestamptz '2031-06-30 12:00:00+00') $$,
    'hashes are stored, neither the key nor the request');

-- Expiry.

set local pm.test_now = '2031-07-01 11:59:59.999+00';
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}'), '{"a":   1}', 'within 24 hours');
set local pm.test_now = '2031-07-01 12:00:00+00';
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}'), null, 'after 24 hours the key is as good as new');
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 2}'), null, 'with any request');
select lives_ok(
    $$ select core.store_answer(pg_temp.context(1, 'k'), 'e', '{"x": 2}', pg_temp.id(1), '{"a": 4}') $$, 'and takes a new answer, though its row is there');
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 2}'), '{"a": 4}', 'which is found');
select throws_ok($$ select pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 1}') $$, 'PT422', null, 'for its request only');
update core.settings set idempotency_ttl_hours = 1;
set local pm.test_now = '2031-07-01 13:00:00+00';
select is(pg_temp.replay(pg_temp.context(1, 'k'), 'e', '{"x": 2}'), null, 'the setting counts');

select * from finish();
rollback;
