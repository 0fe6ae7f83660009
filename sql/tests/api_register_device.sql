-- api.register_device

begin;
\ir fixtures.psql
select plan(39);

select pg_temp.function_is('api.register_device(jsonb)', 'p_request jsonb, OUT answer json, OUT counted integer', 'record', 'volatile definer', 'pm_api');

-- Registers device 1 with some fields changed.
create function pg_temp.register(p_fields jsonb default '{}') returns jsonb
language sql
return (
    select r.answer from api.register_device(
        jsonb_build_object('device_id', pg_temp.id(1), 'display_name', 'Anna', 'group_id', 'family') || p_fields) r)::jsonb;
-- What is stored of it.
create function pg_temp.stored(p_columns text[]) returns jsonb
language sql
return (
    select jsonb_object_agg(key, value) from core.devices d, jsonb_each(to_jsonb(d))
    where d.device_id = pg_temp.id(1) and key = any (p_columns));

-- A new device.

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select is(
    (api.register_device(
        '{"device_id": "00000000-0000-4000-8000-00000000000A", "display_name": " \u00a0Änna B ", "group_id": "fam-1", "app": 3}')).answer::text,
    '{"device_id" : "00000000-0000-4000-8000-00000000000a", "display_name" : "Änna B", "group_id" : "fam-1", '
    '"created_at" : "2031-06-30T12:00:00.000Z", "updated_at" : "2031-06-30T12:00:00.000Z"}',
    'the answer: id in lower case, name trimmed');
select is(
    (select to_jsonb(d) from core.devices d where d.group_id = 'fam-1'),
    '{"device_id": "00000000-0000-4000-8000-00000000000a", "display_name": "Änna B", "group_id": "fam-1", "platform": "android",
      "fcm_token": null, "active": true, "last_seen_at": "2031-06-30T12:00:00+00:00", "last_captured_at": null, "last_latitude": null,
      "last_longitude": null, "last_altitude": null, "last_accuracy": null, "last_bearing": null, "last_speed": null,
      "last_battery_level": null, "created_at": "2031-06-30T12:00:00+00:00", "updated_at": "2031-06-30T12:00:00+00:00"}',
    'what is stored');

select pg_temp.register('{"platform": "ios", "fcm_token": "t-1"}') \g /dev/null
select is(pg_temp.stored('{platform,fcm_token}'), '{"platform": "ios", "fcm_token": "t-1"}', 'platform and token');

-- The same again: seen, not updated.

set local pm.test_now = '2031-06-30 12:01:00+00';
select is(
    pg_temp.register() - '{device_id,display_name,group_id}'::text[],
    '{"created_at": "2031-06-30T12:00:00.000Z", "updated_at": "2031-06-30T12:00:00.000Z"}', 'nothing new: updated_at stays');
select is(
    pg_temp.stored('{last_seen_at,platform,fcm_token}'), '{"last_seen_at": "2031-06-30T12:01:00+00:00", "platform": "ios", "fcm_token": "t-1"}',
    'it was seen; what was left out stays');
select is(
    pg_temp.register('{"platform": "ios", "fcm_token": "t-1", "display_name": " Anna "}') ->> 'updated_at', '2031-06-30T12:00:00.000Z',
    'values that are there already are no update');

-- Each changed field is an update.

set local pm.test_now = '2031-06-30 12:02:00+00';
select is(pg_temp.register('{"display_name": "Bea"}') ->> 'updated_at', '2031-06-30T12:02:00.000Z', 'another name');
set local pm.test_now = '2031-06-30 12:03:00+00';
select is(
    pg_temp.register('{"display_name": "Bea", "platform": "android"}') ->> 'updated_at', '2031-06-30T12:03:00.000Z',
    'another platform');
set local pm.test_now = '2031-06-30 12:04:00+00';
select is(
    pg_temp.register('{"display_name": "Bea", "fcm_token": "t-2"}') ->> 'updated_at', '2031-06-30T12:04:00.000Z',
    'another token');
select is(pg_temp.stored('{platform,fcm_token}'), '{"platform": "android", "fcm_token": "t-2"}', 'and both are there');
set local pm.test_now = '2031-06-30 12:05:00+00';
select is(
    pg_temp.register('{"display_name": "Bea", "platform": null}') ->> 'updated_at', '2031-06-30T12:04:00.000Z',
    'a platform of null is absent');
select is(
    pg_temp.register('{"display_name": "Bea", "fcm_token": null}') ->> 'updated_at', '2031-06-30T12:05:00.000Z',
    'a token of null clears it');
select is(
    pg_temp.stored('{platform,fcm_token,created_at}'),
    '{"platform": "android", "fcm_token": null, "created_at": "2031-06-30T12:00:00+00:00"}', 'which is stored');
set local pm.test_now = '2031-06-30 12:06:00+00';
select is(
    pg_temp.register('{"display_name": "Bea", "fcm_token": null}') ->> 'updated_at', '2031-06-30T12:05:00.000Z',
    'clearing it again is no update');

-- Another group: it moves with its history. Uploads do not touch updated_at.

select api.upload_location(pg_temp.point(jsonb_build_object('device_id', pg_temp.id(1)))) \g /dev/null
select is(pg_temp.stored('{updated_at}'), '{"updated_at": "2031-06-30T12:05:00+00:00"}', 'an upload is no update');
set local pm.test_now = '2031-06-30 12:07:00+00';
select is(
    pg_temp.register('{"group_id": "other", "display_name": "Bea"}') - '{device_id}'::text[],
    '{"display_name": "Bea", "group_id": "other", "created_at": "2031-06-30T12:00:00.000Z", "updated_at": "2031-06-30T12:07:00.000Z"}', 'a move');
select is(pg_temp.stored('{last_latitude,active}'), '{"last_latitude": 48.2, "active": true}', 'its last location moves along');
select is((select count(*) from core.locations), 1::bigint, 'and so do its points');

-- Inactive: it comes back.

update core.devices set active = false where device_id = pg_temp.id(1);
set local pm.test_now = '2031-06-30 12:08:00+00';
select is(
    pg_temp.register('{"group_id": "other", "display_name": "Bea"}') ->> 'updated_at', '2031-06-30T12:08:00.000Z', 'coming back is an update');
select is(
    pg_temp.stored('{active,created_at}'), '{"active": true, "created_at": "2031-06-30T12:00:00+00:00"}',
    'it is active, with its age');

-- A full group: 20 devices, by each path.

select pg_temp.device(n, 'full') from generate_series(101, 119) n \g /dev/null
select pg_temp.device(120, 'full', false) \g /dev/null
select lives_ok($$ select pg_temp.register('{"group_id": "full"}') $$, 'the 20th device');
select throws_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(130), 'display_name', 'Carl', 'group_id', 'full')) $$,
    'PT409', 'Group has reached maximum device limit (20)', 'the 21st: a new one');
select pg_temp.device(131, 'other') \g /dev/null
select throws_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(131), 'display_name', 'Carl', 'group_id', 'full')) $$,
    'PT409', 'Group has reached maximum device limit (20)', 'one that moves');
select throws_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(120), 'display_name', 'Carl', 'group_id', 'full')) $$,
    'PT409', 'Group has reached maximum device limit (20)', 'one that comes back');
select is((select count(*) from core.devices where group_id = 'full' and active), 20::bigint, '20 stay');
select is(
    (select display_name || group_id from core.devices where device_id = pg_temp.id(131)), 'Phone 131other',
    'the refused one is unchanged');
select lives_ok($$ select pg_temp.register('{"group_id": "full", "display_name": "Dora"}') $$, 'members may still change');
select lives_ok($$ select pg_temp.register('{"group_id": "new"}') $$, 'one leaves');
select lives_ok(
    $$ select api.register_device(jsonb_build_object('device_id', pg_temp.id(120), 'display_name', 'Carl', 'group_id', 'full')) $$,
    'its place is free');

-- What is counted: devices that this call made.

create function pg_temp.counted(p_device integer, p_group text) returns integer
language sql
return (
    select r.counted from api.register_device(
        jsonb_build_object('device_id', pg_temp.id(p_device), 'display_name', 'Emil', 'group_id', p_group)) r);
select is(pg_temp.counted(200, 'count-1'), 1, 'a new device counts');
select is(pg_temp.counted(200, 'count-1'), 0, 'the same again does not');
select is(pg_temp.counted(200, 'count-2'), 0, 'nor does one that moves');
update core.devices set active = false where device_id = pg_temp.id(200);
select is(pg_temp.counted(200, 'count-2'), 0, 'nor one that comes back');

-- Refusals.

select is(
    pg_temp.failure($$ select api.register_device('{"display_name": "a"}') $$),
    '{"sqlstate": "PT400", "message": "The request has invalid fields.", "hint": "", "detail": [
        {"field": "device_id", "message": "is required"},
        {"field": "display_name", "message": "must be a string of 2 to 50 characters, blanks at its ends not counted"},
        {"field": "group_id", "message": "is required"}]}',
    'all errors at once');
select is(
    pg_temp.refusals('select api.register_device(%L)', '[]', 'null', '"x"', '1', null),
    array['PT400 The request body must be a JSON object.'], 'no object');
select is(
    pg_temp.bad_fields($$ select pg_temp.register('{"group_id": "full", "platform": ""}') $$), '{platform}', 'bad data are told before a full group');
select is(
    pg_temp.failure($$ select api.register_device('{}') $$, 'pm_api') ->> 'sqlstate', 'PT400', 'pm_api may call it');
select is(
    pg_temp.failure($$ select api.register_device('{}') $$, 'pm_admin') ->> 'sqlstate', '42501', 'pm_admin may not');

select * from finish();
rollback;
