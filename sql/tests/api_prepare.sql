-- api.prepare

begin;
\ir fixtures.psql
select plan(12);

select pg_temp.function_is('api.prepare(jsonb)', $$p_settings jsonb DEFAULT '{}'::jsonb$$, 'void', 'volatile definer', 'pm_api');

-- Settings.

select is(pg_temp.failure($$ select api.prepare('{"max_devices_per_group": 25, "rate_limit_per_minute": "100", "max_batch_size": 40}') $$, 'pm_api'),
    null, 'pm_api may call it');
select results_eq(
    'select max_devices_per_group, rate_limit_per_minute, max_batch_size from core.settings', 'values (25, 100, 40)', 'the settings are written');
select results_eq(
    'select resource_id, metadata from core.audit_log order by id',
    $$ values ('max_batch_size', '{"old": 50, "new": 40}'::jsonb), ('max_devices_per_group', '{"old": 20, "new": 25}') $$,
    'what changed is audited');
select api.prepare('{"max_devices_per_group": 25}'), api.prepare(), api.prepare(null) \g /dev/null
select is((select count(*) from core.audit_log), 2::bigint, 'what did not is not');

select throws_ok(
    $$ select api.prepare('{"max_batch_size": 45, "max_devices": 3}') $$, 'PT400', 'There is no setting ''max_devices''.', 'an unknown setting');
select throws_ok(
    $$ select api.prepare('{"max_batch_size": 1001}') $$, 'PT400', 'max_batch_size cannot be 1001.', 'a value out of range');
select throws_ok(
    $$ select api.prepare('{"max_batch_size": null}') $$, 'PT400', 'max_batch_size must be a whole number, not NULL.', 'no value');
select is((select max_batch_size from core.settings), 40, 'all or nothing');

-- Partitions.

select is((select count(*) from core.missing_partitions()), 0::bigint, 'none is missing at first');
do $$ begin execute 'drop table ' || core.partition_name((now() at time zone 'UTC')::date); end $$;
select api.prepare() \g /dev/null
select is((select count(*) from core.missing_partitions()), 0::bigint, 'missing ones are made');
select is(
    (select relowner::regrole::text from pg_class where oid = core.partition_name((now() at time zone 'UTC')::date)::regclass), 'pm_owner',
    'and owned by pm_owner');

select * from finish();
rollback;
