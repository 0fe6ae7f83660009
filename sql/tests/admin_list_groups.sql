-- admin.list_groups

begin;
\ir fixtures.psql
select plan(13);

select pg_temp.function_is('admin.list_groups(text, text, integer)',
    'p_prefix text DEFAULT ''''::text, p_after text DEFAULT NULL::text, p_limit integer DEFAULT 50',
    'TABLE(group_id text, active_devices bigint, free_places bigint, inactive_devices bigint, last_seen_at timestamp with time zone)',
    'stable definer', 'pm_admin');
select is_empty('select * from admin.list_groups()', 'no devices, no groups');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00.5+00';
select pg_temp.device(1, 'family'), pg_temp.device(2, 'family'), pg_temp.device(3, 'family', false), pg_temp.device(4, 'Friends'),
    pg_temp.device(5, 'fam', false), pg_temp.device(6, 'z_9') \g /dev/null
update core.devices set last_seen_at = '2031-01-01' where device_id in (pg_temp.id(1), pg_temp.id(4));

select is(
    array(select g::text from admin.list_groups() g),
    array[
        '(Friends,1,19,0,"2031-01-01 00:00:00+00")', '(fam,0,20,1,"2031-06-30 12:00:00+00")', '(family,2,18,1,"2031-06-30 12:00:00+00")',
        '(z_9,1,19,0,"2031-06-30 12:00:00+00")'],
    'all groups by name: devices, places, when one of them was seen');
update core.settings set max_devices_per_group = 1;
select is(array(select free_places from admin.list_groups()), array[0, 1, 0, 0]::bigint[], 'a group over the limit has no places');

select is(array(select group_id from admin.list_groups(p_prefix => 'fam')), array['fam', 'family'], 'those whose names begin so');
select is(array(select group_id from admin.list_groups(p_prefix => 'f_m')), '{}', 'a prefix is no pattern');
select is((select count(*) from admin.list_groups(p_prefix => null)), 4::bigint, 'a null is no prefix');

-- Pages.

select is(array(select group_id from admin.list_groups(p_limit => 2)), array['Friends', 'fam'], 'a page');
select is(array(select group_id from admin.list_groups(p_after => 'fam', p_limit => 2)), array['family', 'z_9'], 'the next one');
select is(array(select group_id from admin.list_groups('fam', 'fam', 2)), array['family'], 'the next one of a prefix');
select throws_ok('select admin.list_groups(p_limit => 0)', 'PT400', 'p_limit must be from 1 to 1000.', 'an empty page');

-- Cheap: it reads the devices of the groups that it shows.

insert into core.devices (device_id, display_name, group_id) select pg_temp.id(n), 'Phone', 'many-' || n / 5 from generate_series(1001, 6000) n;
analyze core.devices;
create function pg_temp.fetched() returns bigint
language sql volatile
return pg_stat_get_xact_tuples_fetched('core.devices'::regclass) + pg_stat_get_xact_tuples_returned('core.devices'::regclass);
select pg_temp.fetched() as before \gset
select count(*) from admin.list_groups(p_after => 'many-500', p_limit => 10) \g /dev/null
select cmp_ok(pg_temp.fetched() - :before, '<=', 51::bigint, 'ten groups of five: fifty devices, and the first of the next');

select is(pg_temp.failure('select * from admin.list_groups()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
