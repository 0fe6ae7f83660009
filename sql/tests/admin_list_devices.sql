-- admin.list_devices

begin;
\ir fixtures.psql
select plan(21);

select pg_temp.function_is('admin.list_devices(text, text, boolean, uuid, integer)',
    'p_group_id text DEFAULT NULL::text, p_search text DEFAULT NULL::text, p_active boolean DEFAULT NULL::boolean, '
    'p_after uuid DEFAULT NULL::uuid, p_limit integer DEFAULT 50',
    'TABLE(device_id uuid, display_name text, group_id text, platform text, status text, last_seen_at timestamp with time zone, '
    'last_captured_at timestamp with time zone, created_at timestamp with time zone, updated_at timestamp with time zone)',
    'stable definer', 'pm_admin');
select is_empty('select * from admin.list_devices()', 'none');

-- The names of what is listed.
create function pg_temp.listed(
    p_group_id text default null, p_search text default null, p_active boolean default null, p_after uuid default null, p_limit integer default 50)
returns text[]
language sql
return array(select display_name from admin.list_devices(p_group_id, p_search, p_active, p_after, p_limit));

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00.5+00';
select pg_temp.device(1), pg_temp.device(2), pg_temp.device(3, 'family', false), pg_temp.device(4), pg_temp.device(5, 'Friends') \g /dev/null
update core.devices d set display_name = n.name, fcm_token = 'secret'
from (values (1, 'Zoe'), (2, 'Änna'), (3, 'Anna 50%'), (4, 'Zoe'), (5, 'Hannah')) n(id, name)
where d.device_id = pg_temp.id(n.id);
select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null

select is(
    (select d::text from admin.list_devices('family') d where device_id = pg_temp.id(1)),
    '(00000000-0000-4000-8000-000000000001,Zoe,family,android,active,"2031-06-30 12:00:00+00","2031-06-30 12:00:00+00",'
    '"2031-06-30 12:00:00+00","2031-06-30 12:00:00+00")',
    'a device: who it is, when it was heard of; neither token nor position');
select is(
    (select status || coalesce(last_captured_at::text, ', no points') from admin.list_devices('family') where device_id = pg_temp.id(3)),
    'inactive, no points', 'an inactive one');

-- Order and filters.

select is(
    array(select device_id from admin.list_devices()),
    array[pg_temp.id(5), pg_temp.id(1), pg_temp.id(4), pg_temp.id(2), pg_temp.id(3)],
    'all: by group, active ones first, by name, by id');
select is(pg_temp.listed('family'), array['Zoe', 'Zoe', 'Änna', 'Anna 50%'], 'those of a group');
select is(pg_temp.listed('fam'), '{}', 'no group of that name: none');
select is(pg_temp.listed(p_search => 'ANNA'), array['Hannah', 'Anna 50%'], 'part of a name, in any case');
select is(pg_temp.listed(p_search => 'äN'), array['Änna'], 'also beyond ASCII');
select is(pg_temp.listed(p_search => '0%'), array['Anna 50%'], 'a search is no pattern');
select is(pg_temp.listed(p_search => '_'), '{}', 'of no kind');
select is(pg_temp.listed(p_search => '00000000-0000-4000-8000-00000000000'), array['Hannah', 'Zoe', 'Zoe', 'Änna', 'Anna 50%'], 'the start of an id');
select is(
    array(select device_id from admin.list_devices(p_search => upper(pg_temp.id(4)::text))), array[pg_temp.id(4)], 'or all of it');
select is(pg_temp.listed(p_active => false), array['Anna 50%'], 'inactive ones');
select is(pg_temp.listed('family', 'z', true), array['Zoe', 'Zoe'], 'all filters at once');

-- Pages.

select is(pg_temp.listed(p_limit => 3), array['Hannah', 'Zoe', 'Zoe'], 'a page');
select is(pg_temp.listed(p_limit => 3, p_after => pg_temp.id(4)), array['Änna', 'Anna 50%'], 'the next one');
select is(
    pg_temp.failure('select admin.list_devices(p_after => pg_temp.id(9))'),
    '{"sqlstate": "PT404", "message": "There is no device 00000000-0000-4000-8000-000000000009 to go on after.", "detail": "",
      "hint": "p_after is the device_id of the last row of the page before; leave it out for the first page."}', 'after no device');
select throws_ok('select admin.list_devices(p_limit => 1001)', 'PT400', 'p_limit must be from 1 to 1000.', 'too long a page');

-- Cheap: of a group it reads the group.

insert into core.devices (device_id, display_name, group_id) select pg_temp.id(n), 'Phone', 'many-' || n / 5 from generate_series(1001, 6000) n;
analyze core.devices;
create function pg_temp.fetched() returns bigint
language sql volatile
return pg_stat_get_xact_tuples_fetched('core.devices'::regclass) + pg_stat_get_xact_tuples_returned('core.devices'::regclass);
select pg_temp.fetched() as before \gset
select count(*) from admin.list_devices('many-500') \g /dev/null
select cmp_ok(pg_temp.fetched() - :before, '<=', 10::bigint, 'five devices, each found and fetched');

select is(pg_temp.failure('select * from admin.list_devices()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
