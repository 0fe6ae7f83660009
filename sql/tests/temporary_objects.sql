-- What a role can make in its own temporary schema must not run with the rights of the functions it calls.

begin;
\ir fixtures.psql
select plan(5);

create role tap_intruder login in role pm_api, pm_admin;
grant temporary on database :DBNAME to tap_intruder;
select current_user as superuser \gset

set session authorization tap_intruder;

create temporary table seen (who text);
create function pg_temp.spy() returns boolean language plpgsql as $$
begin
    insert into pg_temp.seen values (current_user);
    return true;
end
$$;
grant all on pg_temp.seen to public;
grant execute on function pg_temp.spy() to public;

-- Types and tables of the catalog, under their own names.
create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.spy());
create domain pg_temp.text as pg_catalog.text check (pg_temp.spy());
create domain pg_temp.int4 as pg_catalog.int4 check (pg_temp.spy());
create domain pg_temp.bool as pg_catalog.bool check (pg_temp.spy());
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.spy());
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (pg_temp.spy());
create temporary view pg_constraint as select c.* from pg_catalog.pg_constraint c where pg_temp.spy();
create temporary view pg_proc as select p.* from pg_catalog.pg_proc p where pg_temp.spy();
create temporary view settings as select true as only_row where pg_temp.spy();

select '1'::pg_temp.int4 \g /dev/null
select count(*) as by_itself from pg_temp.seen \gset

select api.register_device('{"device_id": "5f9c9f0e-0000-4000-8000-000000000001", "display_name": "Phone", "group_id": "family"}') \g /dev/null
select api.upload_location(jsonb_build_object(
    'device_id', '5f9c9f0e-0000-4000-8000-000000000001', 'timestamp', trunc(extract(epoch from clock_timestamp()) * 1000),
    'latitude', 1, 'longitude', 2, 'accuracy', 3)) \g /dev/null
select api.register_device('{"device_id": "5f9c9f0e-0000-4000-8000-000000000002", "display_name": "Phone", "group_id": "family"}') \g /dev/null
select api.list_devices('{"group_id": "family"}') \g /dev/null
select api.begin_export('{"device_id": "5f9c9f0e-0000-4000-8000-000000000001"}', '{"ip_address": "::1"}') \g /dev/null
select api.export_head('{"device_id": "5f9c9f0e-0000-4000-8000-000000000001"}') \g /dev/null
select api.export_page('{"device_id": "5f9c9f0e-0000-4000-8000-000000000001"}') \g /dev/null
select api.delete_inactive_devices('{"older_than_days": "1"}') \g /dev/null
select api.prepare('{}') \g /dev/null
select api.health() \g /dev/null
select api.metrics(5) \g /dev/null
select id as key_id, api_key from admin.create_api_key('spied upon') \gset
select api.admit(sha256(convert_to(:'api_key', 'UTF8'))) \g /dev/null
select admin.set_setting('max_batch_size', 49), admin.expire_api_key(:key_id, null) \g /dev/null
select admin.show_settings() \g /dev/null
select admin.help() \g /dev/null
select api.deactivate_device('{"device_id": "5f9c9f0e-0000-4000-8000-000000000001"}') \g /dev/null
select api.register_device('{"device_id": "5f9c9f0e-0000-4000-8000-000000000003", "display_name": "Phone", "group_id": "family"}') \g /dev/null
select api.erase_device('{"device_id": "5f9c9f0e-0000-4000-8000-000000000003"}') \g /dev/null
select admin.list_api_keys() \g /dev/null
select admin.list_groups() \g /dev/null
select admin.list_devices(p_search => 'phone', p_after => '5f9c9f0e-0000-4000-8000-000000000001') \g /dev/null
select admin.recent_points('5f9c9f0e-0000-4000-8000-000000000001') \g /dev/null
select admin.reactivate_device('5f9c9f0e-0000-4000-8000-000000000001') \g /dev/null
select admin.move_device('5f9c9f0e-0000-4000-8000-000000000001', 'friends') \g /dev/null
select admin.deactivate_device('5f9c9f0e-0000-4000-8000-000000000001') \g /dev/null
select admin.delete_inactive_devices(1) \g /dev/null
select admin.statistics() \g /dev/null
select admin.job_history() \g /dev/null
select admin.audit_trail() \g /dev/null
select admin.storage_report() \g /dev/null
select admin.erase_device('5f9c9f0e-0000-4000-8000-000000000002') \g /dev/null

set session authorization :superuser;

select cmp_ok(:by_itself::integer, '>', 0, 'the spy sees what its owner does');
select is((select count(*) from pg_temp.seen where who = 'pm_owner'), 0::bigint, 'but nothing runs as pm_owner');
select is((select count(*) from core.locations), 1::bigint, 'though the functions did their work');
select is((select max_batch_size from core.settings), 49, 'those of operators, too');
select is(
    (select string_agg(group_id || case when active then ' active' else ' inactive' end, ', ') from core.devices), 'friends inactive',
    'one phone moved, one was erased');

select * from finish();
rollback;
