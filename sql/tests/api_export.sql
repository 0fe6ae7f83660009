-- api.begin_export, api.export_head, api.export_page

begin;
\ir fixtures.psql
select plan(38);

select pg_temp.function_is('api.begin_export(jsonb, jsonb)', $$p_request jsonb, p_context jsonb DEFAULT '{}'::jsonb$$, 'void',
    'volatile definer', 'pm_api');
select pg_temp.function_is('api.export_head(jsonb)', 'p_request jsonb', 'text', 'volatile definer', 'pm_api');
select pg_temp.function_is('api.export_page(jsonb, timestamptz, integer)',
    'p_request jsonb, p_after timestamp with time zone DEFAULT NULL::timestamp with time zone, p_limit integer DEFAULT 1000, OUT page json, '
    'OUT points integer, OUT last_captured_at timestamp with time zone', 'record', 'volatile definer', 'pm_api');

set local pm.test_now = '2031-06-30 12:00:00.25+00';
create function pg_temp.request(p_number integer default 1) returns jsonb
language sql
return jsonb_build_object('device_id', pg_temp.id(p_number), 'more', 1);
-- A whole export, from pages of so many points.
create function pg_temp.export(p_limit integer default 1000, p_number integer default 1) returns jsonb
language plpgsql
as $$
declare
    v_text  text := api.export_head(pg_temp.request(p_number));
    v_comma text := '';
    v_after timestamptz;
    v_page  record;
begin
    loop
        select * into v_page from api.export_page(pg_temp.request(p_number), v_after, p_limit);
        if v_page.points > 0 then
            v_text := v_text || v_comma || left(right(v_page.page::text, -1), -1);
            v_comma := ',';
        end if;
        exit when v_page.points < p_limit;
        v_after := v_page.last_captured_at;
    end loop;
    return v_text || ']}';
end
$$;

-- The audit.

select pg_temp.device(1) \g /dev/null
select is(
    api.begin_export(pg_temp.request(), '{"api_key_id": 7, "ip_address": "2001:db8::1", "request_id": "r-1"}')::text, '', 'no answer');
select results_eq(
    'select created_at, api_key_id, action, resource_type, resource_id, metadata, ip_address, request_id from core.audit_log',
    $$
    values (
        timestamptz '2031-06-30 12:00:00.25+00', 7::bigint, 'export_device', 'device', pg_temp.id(1)::text, '{}'::jsonb,
        '2001:db8::1'::inet, 'r-1')
    $$,
    'who takes which data out, when, from where');

-- A device with nothing.

select is(
    api.export_head(pg_temp.request()),
    '{"device" : {"device_id" : "00000000-0000-4000-8000-000000000001", "display_name" : "Phone 1", "group_id" : "family", "platform" : '
    '"android", "fcm_token" : null, "active" : true, "last_seen_at" : "2031-06-30T12:00:00.250Z", "last_location" : null, "created_at" : '
    '"2031-06-30T12:00:00.250Z", "updated_at" : "2031-06-30T12:00:00.250Z"}, "retention_days" : 30, "export_timestamp" : '
    '"2031-06-30T12:00:00.250Z", "locations" : [',
    'the beginning of an export');
select results_eq(
    'select page::text, points, last_captured_at from api.export_page(pg_temp.request())',
    $$ values ('[]', 0, null::timestamptz) $$, 'a page without points');

-- Every field.

update core.devices set display_name = 'Ä "}{" \', platform = 'ios', fcm_token = 'token', active = false, updated_at = '2031-06-29';
insert into core.locations (
    device_id, captured_at, created_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
values
    (pg_temp.id(1), '2031-06-30 11:00:00.123+00', '2031-06-30 11:30+00', -33.8688197, 151.2092955, -1.5, 3.5, 359.9, 33.3, 7, 'g"p\s', '5Ğ'),
    (pg_temp.id(1), '2031-06-30 10:00:00+00', '2031-06-30 11:31+00', 1, 2, null, 0, null, null, null, null, null);
update core.devices
set last_captured_at = '2031-06-30 11:00:00.123+00', last_latitude = -33.8688197, last_longitude = 151.2092955, last_altitude = -1.5,
    last_accuracy = 3.5, last_bearing = 359.9, last_speed = 33.3, last_battery_level = 7;

select is(
    pg_temp.export() -> 'device',
    '{"device_id": "00000000-0000-4000-8000-000000000001", "display_name": "Ä \"}{\" \\", "group_id": "family", "platform": "ios",
      "fcm_token": "token", "active": false, "last_seen_at": "2031-06-30T12:00:00.250Z",
      "last_location": {"latitude": -33.8688197, "longitude": 151.2092955, "accuracy": 3.5, "timestamp": "2031-06-30T11:00:00.123Z",
          "altitude": -1.5, "bearing": 359.9, "speed": 33.3, "battery_level": 7},
      "created_at": "2031-06-30T12:00:00.250Z", "updated_at": "2031-06-29T00:00:00.000Z"}',
    'a device that is inactive, with all fields');
select is(
    pg_temp.export() -> 'locations',
    '[{"captured_at": "2031-06-30T10:00:00.000Z", "latitude": 1, "longitude": 2, "altitude": null, "accuracy": 0, "bearing": null,
       "speed": null, "battery_level": null, "provider": null, "network_type": null, "created_at": "2031-06-30T11:31:00.000Z"},
      {"captured_at": "2031-06-30T11:00:00.123Z", "latitude": -33.8688197, "longitude": 151.2092955, "altitude": -1.5, "accuracy": 3.5,
       "bearing": 359.9, "speed": 33.3, "battery_level": 7, "provider": "g\"p\\s", "network_type": "5Ğ",
       "created_at": "2031-06-30T11:30:00.000Z"}]',
    'points with all fields, the oldest first');
select set_eq(
    $$ select jsonb_object_keys(pg_temp.export() -> 'locations' -> 0) $$,
    $$ select name from pg_temp.columns('core.locations') where name <> 'device_id' $$,
    'whatever is stored of a point is there');
select set_eq(
    $$
    select jsonb_object_keys((pg_temp.export() -> 'device') - 'last_location')
    union all
    select 'last_' || replace(jsonb_object_keys(pg_temp.export() -> 'device' -> 'last_location'), 'timestamp', 'captured_at')
    $$,
    $$ select name from pg_temp.columns('core.devices') $$,
    'and whatever is stored of a device');
select set_eq(
    'select jsonb_object_keys(pg_temp.export())',
    array['device', 'locations', 'retention_days', 'export_timestamp'], 'the count is added by whoever joins the pages');
update core.settings set location_retention_days = 31;
select is(pg_temp.export() ->> 'retention_days', '31', 'the retention that holds now');
update core.settings set location_retention_days = 30;

-- Pages. Two dozen points of four days, in any order, also of a day without a partition; other devices have others.

delete from core.locations;
select pg_temp.device(2) \g /dev/null
create temporary table track as
select timestamptz '2031-06-27 00:00+00' + n * interval '4 hours' - interval '1 millisecond' as captured_at from generate_series(0, 23) n;
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(1), captured_at, 1, 2, 3 from track order by md5(captured_at::text);
insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select pg_temp.id(2), captured_at + interval '1 hour', 9, 9, 9 from track;
select is(
    array(select (e ->> 'captured_at')::timestamptz from jsonb_array_elements(pg_temp.export(v) -> 'locations') with ordinality t(e, n) order by n),
    array(select captured_at from track order by 1),
    'each point once and in order, from pages of ' || v)
from unnest(array[1, 2, 5, 23, 24, 25, 1000]) v;
select is(
    array(
        select points
        from unnest(array[null, timestamptz '2031-06-26 23:59:59.999+00', '2031-06-27 12:00+00', '2031-06-30 19:59:59.998+00', '2031-06-30 20:00+00']) a,
            api.export_page(pg_temp.request(), a, 5)),
    array[5, 5, 5, 1, 0], 'a page begins after the last point');
select is(
    (select last_captured_at from api.export_page(pg_temp.request(), null, 5)), '2031-06-27 15:59:59.999+00', 'and says where it ends');

-- What has no place in an export: what lies past retention, cleaned up or not.

insert into core.locations (device_id, captured_at, latitude, longitude, accuracy) values
    (pg_temp.id(1), '2031-05-31 12:00:00.249+00', 1, 1, 1), (pg_temp.id(1), '2031-05-31 12:00:00.25+00', 2, 2, 2);
select is(
    pg_temp.export() #>> '{locations,0,captured_at}', '2031-05-31T12:00:00.250Z', 'a point as old as the retention is the first');
select is(
    (select points from api.export_page(pg_temp.request(), '2030-01-01')), 25, 'wherever a page is said to begin');
update core.devices set last_captured_at = '2031-05-31 12:00:00.25+00' where device_id = pg_temp.id(1);
select isnt(pg_temp.export() #> '{device,last_location}', 'null', 'so is a last location');
set local pm.test_now = '2031-06-30 12:00:00.251+00';
select is(pg_temp.export() #> '{device,last_location}', 'null', 'a moment later it does not show');
select is(pg_temp.export() #>> '{locations,0,captured_at}', '2031-06-26T23:59:59.999Z', 'nor does the point');

-- A page costs the same wherever it lies: no more points are read than it has.

insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
select d.device_id, '2031-06-10 00:00+00'::timestamptz + n * interval '1 minute', 1, 2, 3
from core.devices d, generate_series(1, 20000) n;
analyze core.locations;
create function pg_temp.read() returns bigint
language sql
return (
    select sum(t.seq_tup_read + coalesce(t.idx_tup_fetch, 0)) from pg_stat_xact_user_tables t
    where t.schemaname = 'core' and t.relname ~ '^locations_');
select pg_temp.read() as before \gset
select is((select points from api.export_page(pg_temp.request(), '2031-06-11 05:00+00', 100)), 100, 'a page in the middle');
select ok(pg_temp.read() - :before between 100 and 200, 'reads little more');
select pg_temp.read() as before \gset
select is(jsonb_array_length(pg_temp.export(100) -> 'locations'), 20024, 'all of its pages');
select ok(pg_temp.read() - :before between 20024 and 2 * 20024, 'read little more than all points');

-- Refusals.

select throws_ok(format('select %s(pg_temp.request(9))', f), 'PT404', 'Device not found.', f || ': unknown')
from unnest(array['api.begin_export', 'api.export_head']) f;
select is(
    array(
        select distinct pg_temp.failure(format('select %s(%L)', f, v)) -> 'detail'
        from unnest(array['api.begin_export', 'api.export_head']) f, unnest(array['{"device_id": "x"}', '{"device_id": 1}']) v),
    array['[{"field": "device_id", "message": "must be a UUID"}]'::jsonb], 'no UUID');
select is(pg_temp.bad_fields(format('select %s(''{}'')', f)), '{device_id}', f || ': no device_id')
from unnest(array['api.begin_export', 'api.export_head']) f;
select is((select count(*) from core.audit_log), 1::bigint, 'what was refused is not in the audit log');
select is(
    pg_temp.failure(format(
        $$
        do $do$ begin
            perform api.begin_export(%1$L);
            perform api.export_head(%1$L);
            perform api.export_page(%1$L);
        end $do$
        $$, pg_temp.request()), 'pm_api'),
    null, 'pm_api may call them');

select * from finish();
rollback;
