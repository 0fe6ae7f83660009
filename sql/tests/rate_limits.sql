-- core.rate_limits

begin;
\ir fixtures.psql
select plan(7);

select results_eq(
    $$ select * from pg_temp.columns('core.rate_limits') $$,
    $$ values
        ('api_key_id', 'bigint', true, null),
        ('class', 'core.rate_limit_class', true, null),
        ('last_slot', 'bigint', true, null),
        ('total', 'integer', true, null),
        ('slots', 'integer[]', true, null) $$,
    'columns');
select set_eq(
    $$ select pg_temp.keys('core.rate_limits') $$,
    array['PRIMARY KEY (api_key_id, class)', 'FOREIGN KEY (api_key_id) REFERENCES core.api_keys(id) ON DELETE CASCADE'],
    'keys; no index on what each admission changes');
select is((select relpersistence from pg_class where oid = 'core.rate_limits'::regclass), 'u', 'unlogged: a crash empties it');

select pg_temp.api_key(1) \g /dev/null
prepare store as insert into core.rate_limits values ($1, $2, 0, 0, array_fill(0, array[61]));
select lives_ok($$ execute store (1, 'default') $$, 'a window');
select throws_ok($$ execute store (1, 'other') $$, '23514', null, 'there are three classes');
select throws_ok($$ execute store (1, 'default') $$, '23505', null, 'one window a key and class');

delete from core.api_keys;
select is_empty('select * from core.rate_limits', 'windows go with their key');

select * from finish();
rollback;
