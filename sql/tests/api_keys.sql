-- core.api_keys

begin;
\ir fixtures.psql
select plan(16);

select results_eq(
    $$ select * from pg_temp.columns('core.api_keys') $$,
    $$ values
        ('id', 'bigint', true, 'identity'),
        ('key_hash', 'bytea', true, null),
        ('key_prefix', 'text', true, null),
        ('name', 'text', true, null),
        ('is_active', 'boolean', true, 'true'),
        ('is_admin', 'boolean', true, 'false'),
        ('rate_limit_per_minute', 'integer', false, null),
        ('last_used_at', 'timestamp with time zone', false, null),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('expires_at', 'timestamp with time zone', false, null) $$,
    'columns');
select set_eq($$ select pg_temp.keys('core.api_keys') $$, array['PRIMARY KEY (id)', 'UNIQUE (key_hash)'], 'keys');

prepare store as insert into core.api_keys (key_hash, key_prefix, name, rate_limit_per_minute, expires_at) values ($1, $2, $3, $4, $5);

select lives_ok($$ execute store (sha256('a'), 'pm_12345', 'a', null, null) $$, 'a key without limit and end');
select lives_ok($$ execute store (sha256('b'), 'pm_12345', repeat('a', 100), 0, '2040-01-01') $$, 'a key with them');
select lives_ok($$ execute store (sha256('c'), 'pm_12345', 'a', 100000000, null) $$, 'prefixes and names may be there twice');

select throws_ok($$ execute store (sha256('a'), 'pm_12345', 'a', null, null) $$, '23505', null, 'a hash is there once');
select throws_ok($$ execute store ('pm_123456789', 'pm_12345', 'a', null, null) $$, '23514', null, 'a hash, not the key');
select throws_ok($$ execute store (null, 'pm_12345', 'a', null, null) $$, '23502', null, 'a hash');
select throws_ok($$ execute store (sha256('d'), 'pm_1234', 'a', null, null) $$, '23514', null, 'a prefix of 8 characters');
select throws_ok($$ execute store (sha256('d'), 'pm_123456', 'a', null, null) $$, '23514', null, 'and not more');
select throws_ok($$ execute store (sha256('d'), 'pm_12345', '', null, null) $$, '23514', null, 'a name');
select throws_ok(
    $$ execute store (sha256('d'), 'pm_12345', repeat('a', 101), null, null) $$, '23514', null, 'of at most 100 characters');
select throws_ok($$ execute store (sha256('d'), 'pm_12345', 'a', -1, null) $$, '23514', null, 'no negative limit');
select throws_ok(
    $$ execute store (sha256('d'), 'pm_12345', 'a', 100000001, null) $$, '23514', null, 'no limit beyond 100,000,000');
select throws_ok($$ execute store (sha256('d'), 'pm_12345', 'a', null, 'infinity') $$, '23514', null, 'no end at infinity');
select throws_ok($$ execute store (sha256('d'), 'pm_12345', 'a', null, '-infinity') $$, '23514', null, 'nor at minus infinity');

select * from finish();
rollback;
