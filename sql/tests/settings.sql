-- core.settings

begin;
\ir fixtures.psql
select plan(24);

create temporary table setting (name text, default_value integer, lowest integer, highest integer);
insert into setting values
    ('max_devices_per_group', 20, 1, 10000),
    ('max_batch_size', 50, 1, 1000),
    ('location_retention_days', 30, 1, 3650),
    ('audit_retention_days', 90, 1, 3650),
    ('idempotency_ttl_hours', 24, 1, 720),
    ('max_clock_skew_seconds', 300, 0, 86400),
    ('rate_limit_per_minute', 100, 0, 100000000),
    ('admin_rate_limit_per_minute', 1000, 0, 100000000),
    ('privacy_rate_limit_per_hour', 10, 0, 100000000);

select set_eq(
    $$ select * from pg_temp.columns('core.settings') $$,
    $$
    select name, 'integer' as type, true as not_null, default_value::text from setting
    union all
    select 'only_row', 'boolean', true, 'true'
    $$,
    'columns');
select set_eq($$ select pg_temp.keys('core.settings') $$, array['PRIMARY KEY (only_row)'], 'keys');

select is(
    (select to_jsonb(s) - 'only_row' from core.settings s),
    (select jsonb_object_agg(name, default_value) from setting),
    'after deployment: one row with the defaults');

-- Each setting has bounds.

select lives_ok(format('update core.settings set %1$I = %2$s; update core.settings set %1$I = %3$s', name, lowest, highest),
    format('%s may be from %s to %s', name, lowest, highest))
from setting order by name;

select is(
    array[
        pg_temp.failure(format('update core.settings set %I = %s', name, lowest - 1)) ->> 'sqlstate',
        pg_temp.failure(format('update core.settings set %I = %s', name, highest + 1)) ->> 'sqlstate'],
    array['23514', '23514'],
    format('%s cannot lie outside', name))
from setting order by name;

-- There is one row.

select throws_ok('insert into core.settings default values', '23505', null, 'no second row');
select throws_ok('insert into core.settings (only_row) values (false)', '23514', null, 'nor another one');
select throws_ok('update core.settings set max_batch_size = null', '23502', null, 'a setting has a value');

select * from finish();
rollback;
