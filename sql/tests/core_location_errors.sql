-- core.location_errors

begin;
\ir fixtures.psql
select plan(29);

select pg_temp.function_is('core.location_errors(jsonb, text, timestamptz)',
    'p_points jsonb, p_prefix text, p_now timestamp with time zone DEFAULT core.now()', 'jsonb', 'volatile', null);

set local pm.test_now = '2031-06-30 12:00:00+00';

-- What is wrong with a point of which one field has another value; null where nothing is.
create function pg_temp.message(p_field text, p_value jsonb) returns text
language sql
return (
    select string_agg(concat_ws(': ', nullif(e ->> 'field', p_field), e ->> 'message'), '; ')
    from jsonb_array_elements(core.location_errors(jsonb_build_array(pg_temp.point(jsonb_build_object(p_field, p_value))), null)) e);

select is(core.location_errors(jsonb_build_array(pg_temp.point()), null), '[]', 'the required fields do');
select is(
    core.location_errors(
        jsonb_build_array(pg_temp.point(
            '{"altitude": null, "bearing": null, "speed": null, "provider": null, "network_type": null, "battery_level": null}')),
        null),
    '[]', 'null is absent');
select is(
    core.location_errors(
        jsonb_build_array(pg_temp.point(
            '{"transportation_mode": 1, "detection_source": [], "trip_id": {}, "device_id": 5, "latitud": "x"}')),
        null),
    '[]', 'unknown fields are ignored');

-- Both sides of each bound. The ends of a range, then what is just beyond them, then what is of another type.

create temporary table rule (field text, good jsonb, bad jsonb, message text);
insert into rule values
    ('latitude', '[-90, 90, 0, 9e1]', '[-90.0000001, 90.0000001, "5"]', 'must be a number from -90 to 90'),
    ('longitude', '[-180, 180, 0]', '[-180.0000001, 180.0000001, "5"]', 'must be a number from -180 to 180'),
    ('accuracy', '[0, 3.4028234e38, 1e-400]', '[-0.0000001, 3.5e38, 1e400, "5"]', 'must be a number, 0 or more, that fits a float4'),
    ('altitude', '[-1.7976931348623157e308, 1.7976931348623157e308, 1e-400]', '[-1.8e308, 1.8e308, "5"]',
        'must be a number that fits a float8'),
    ('bearing', '[0, 360, 359.9999999]', '[-0.0000001, 360.0000001, "5"]', 'must be a number from 0 to 360'),
    ('speed', '[0, 3.4028234e38, 1e-400]', '[-0.0000001, 3.5e38, "5"]', 'must be a number, 0 or more, that fits a float4'),
    ('battery_level', '[0, 100, -1, -2147483648, 50.0]', '[-2, 101, -0.5, 99.5, -2147483647, "5"]',
        'must be an integer from 0 to 100'),
    ('provider', jsonb_build_array('', repeat('ä', 50)), jsonb_build_array(5, repeat('ä', 51)),
        'must be a string of at most 50 characters'),
    ('network_type', jsonb_build_array('', repeat('ä', 50)), jsonb_build_array(5, repeat('ä', 51)),
        'must be a string of at most 50 characters'),
    ('timestamp', '[1940587200000, 1940587200000.0]', '[1940587200000.5, "1940587200000"]',
        'must be an integer: milliseconds since 1970-01-01T00:00:00Z');

select is(array(select distinct pg_temp.message(field, v) from jsonb_array_elements(good) v), array[null::text], field || ': good values')
from rule order by field;
select is(
    array(select distinct pg_temp.message(field, v) from jsonb_array_elements(bad || '[true, [], {}]') v), array[message],
    field || ': bad values')
from rule order by field;

select is(
    array(
        select e ->> 'field' || ' ' || (e ->> 'message')
        from jsonb_array_elements(core.location_errors('[{}]', null)) e),
    array['timestamp is required', 'latitude is required', 'longitude is required', 'accuracy is required'],
    'what is required, in the order of the contract');

-- The capture time: from now - retention to now + clock skew.

select is(
    array(
        select pg_temp.message('timestamp', to_jsonb(pg_temp.ms(t)))
        from unnest(array[
            '2031-05-31 12:00:00+00', '2031-05-31 11:59:59.999+00', '2031-06-30 12:05:00+00', '2031-06-30 12:05:00.001+00']::timestamptz[]) t),
    array[null, 'must not be older than 30 days', null, 'must not be more than 300 seconds in the future'],
    'both ends belong to the range');
select is(
    array(select pg_temp.message('timestamp', v) from unnest('{0,-1,1925035200,1e30,-1e30}'::jsonb[]) v),
    array[
        'must not be older than 30 days', 'must not be older than 30 days', 'must not be older than 30 days',
        'must not be more than 300 seconds in the future', 'must not be older than 30 days'],
    'far from it, and seconds instead of milliseconds');
update core.settings set location_retention_days = 10, max_clock_skew_seconds = 0;
select is(
    array(
        select pg_temp.message('timestamp', to_jsonb(pg_temp.ms(t)))
        from unnest(array['2031-06-20 11:59:59.999+00', '2031-06-30 12:00:00+00', '2031-06-30 12:00:00.001+00']::timestamptz[]) t),
    array['must not be older than 10 days', null, 'must not be more than 0 seconds in the future'],
    'the settings count');

-- Many points.

select is(
    core.location_errors(
        jsonb_build_array(
            pg_temp.point(), pg_temp.point('{"latitude": 91, "speed": -1}'), '"x"', pg_temp.point(), 'null',
            pg_temp.point('{"longitude": "1"}') - 'accuracy'),
        'locations'),
    '[{"field": "locations[1].latitude", "message": "must be a number from -90 to 90"},
      {"field": "locations[1].speed", "message": "must be a number, 0 or more, that fits a float4"},
      {"field": "locations[2]", "message": "must be an object"},
      {"field": "locations[4]", "message": "must be an object"},
      {"field": "locations[5].longitude", "message": "must be a number from -180 to 180"},
      {"field": "locations[5].accuracy", "message": "is required"}]',
    'every bad field of every point, in their order');

select * from finish();
rollback;
