-- admin.statistics

begin;
\ir fixtures.psql
select plan(4);

select pg_temp.function_is('admin.statistics()', '', 'TABLE(name text, value bigint)', 'volatile definer', 'pm_admin');

create function pg_temp.statistics() returns text[]
language sql
return array(select name || ': ' || value from admin.statistics());

select is(
    pg_temp.statistics(),
    array[
        'groups with active devices: 0', 'devices, active: 0', 'devices, active, seen within an hour: 0',
        'devices, active, seen within a day: 0', 'devices, inactive: 0', 'points (estimate): 0', 'points without a partition: 0',
        'stored answers (estimate): 0', 'API keys, valid: 0', 'job runs failed within a day: 0'],
    'of nothing');

set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(n, 'group-' || n / 3, n < 7) from generate_series(1, 9) n \g /dev/null
update core.devices set last_seen_at = '2031-06-30 11:00:00+00' where device_id = pg_temp.id(1);
update core.devices set last_seen_at = '2031-06-29 12:00:00+00' where device_id in (pg_temp.id(2), pg_temp.id(3));
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(n), '2031-06-30', 1, 2, 3 from generate_series(1, 4) n
union all
select pg_temp.id(n), now(), 1, 2, 3 from generate_series(1, 3) n;
select pg_temp.api_key(n) from generate_series(1, 5) n \g /dev/null
update core.api_keys set is_active = false where id = 2;
update core.api_keys set expires_at = '2031-06-30 12:00:00+00' where id = 3;
update core.api_keys set expires_at = '2031-06-30 12:00:01+00' where id = 4;
insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer)
select 1, 'upload_location', sha256(int4send(n)), sha256(''), pg_temp.id(n), '{}' from generate_series(1, 2) n;
insert into core.job_runs (job_name, started_at, ended_at, error) values
    ('a', '2031-06-29 12:00:01+00', '2031-06-30', 'disk full'), ('a', '2031-06-29 12:00+00', '2031-06-30', 'too old'), ('b', '2031-06-30', null, null);
analyze core.locations, core.idempotency_keys;
select is(
    pg_temp.statistics(),
    array[
        'groups with active devices: 3', 'devices, active: 6', 'devices, active, seen within an hour: 3',
        'devices, active, seen within a day: 4', 'devices, inactive: 3', 'points (estimate): 7', 'points without a partition: 4',
        'stored answers (estimate): 2', 'API keys, valid: 3', 'job runs failed within a day: 1'],
    'of something');

select is(pg_temp.failure('select * from admin.statistics()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
