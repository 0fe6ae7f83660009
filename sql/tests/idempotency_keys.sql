-- core.idempotency_keys

begin;
\ir fixtures.psql
select plan(12);

select results_eq(
    $$ select * from pg_temp.columns('core.idempotency_keys') $$,
    $$ values
        ('api_key_id', 'bigint', true, null),
        ('endpoint', 'text', true, null),
        ('key_hash', 'bytea', true, null),
        ('request_hash', 'bytea', true, null),
        ('device_id', 'uuid', true, null),
        ('answer', 'json', true, null),
        ('created_at', 'timestamp with time zone', true, 'now()') $$,
    'columns');
select set_eq(
    $$ select pg_temp.keys('core.idempotency_keys') $$,
    array[
        'PRIMARY KEY (api_key_id, endpoint, key_hash)',
        'FOREIGN KEY (api_key_id) REFERENCES core.api_keys(id) ON DELETE CASCADE',
        'FOREIGN KEY (device_id) REFERENCES core.devices(device_id) ON DELETE CASCADE',
        'INDEX btree (device_id)',
        'INDEX btree (created_at)'],
    'keys, and indexes for erasure and cleanup');

select pg_temp.device(1), pg_temp.device(2), pg_temp.api_key(1), pg_temp.api_key(2) \g /dev/null
prepare store as
    insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer)
    values ($1, $2, sha256($3), sha256($4), pg_temp.id($5), '{}');

select lives_ok($$ execute store (1, 'upload_location', 'key', 'request', 1) $$, 'an answer');
select lives_ok($$ execute store (2, 'upload_location', 'key', 'request', 1) $$, 'the same key of another API key');
select lives_ok($$ execute store (1, 'upload_locations', 'key', 'request', 2) $$, 'and of another endpoint');
select throws_ok($$ execute store (1, 'upload_location', 'key', 'other', 2) $$, '23505', null, 'one answer a key');
select throws_ok($$ execute store (3, 'upload_location', 'key', 'request', 1) $$, '23503', null, 'the API key is there');
select throws_ok($$ execute store (1, 'upload_location', 'other', 'request', 3) $$, '23503', null, 'the device is there');
select throws_ok($$ update core.idempotency_keys set key_hash = 'key' $$, '23514', null, 'a hash, not the key');
select throws_ok($$ update core.idempotency_keys set request_hash = '{}' $$, '23514', null, 'a hash, not the request');

delete from core.devices where device_id = pg_temp.id(2);
select results_eq(
    'select api_key_id from core.idempotency_keys order by 1', array[1, 2]::bigint[], 'answers go with their device');
delete from core.api_keys where id = 2;
select results_eq('select api_key_id from core.idempotency_keys order by 1', array[1]::bigint[], 'and with their API key');

select * from finish();
rollback;
