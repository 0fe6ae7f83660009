-- core.registration_errors

begin;
\ir fixtures.psql
select plan(12);

select pg_temp.function_is('core.registration_errors(jsonb)', 'p_request jsonb', 'jsonb', 'immutable', null);

-- What is wrong with a registration in which some fields have other values, '-' for a field that is left out.
create function pg_temp.errors(p_fields jsonb) returns jsonb
language sql
return core.registration_errors(
    (jsonb_build_object('device_id', pg_temp.id(1), 'display_name', 'Anna', 'group_id', 'family') || p_fields)
    - array(select key from jsonb_each_text(p_fields) where value = '-'));

select is(pg_temp.errors('{}'), '[]', 'the required fields do');
select is(
    pg_temp.errors('{"platform": null, "fcm_token": null, "app_version": 3}'), '[]',
    'null is absent, unknown fields are ignored');
select is(
    array(
        select distinct pg_temp.errors(f)
        from unnest(array[
            '{"display_name": "ab"}', '{"display_name": " \u00a0ab\t"}', jsonb_build_object('display_name', repeat('ä', 50)),
            jsonb_build_object('display_name', '  ' || repeat('ä', 50) || '  '), '{"platform": "a"}',
            jsonb_build_object('platform', repeat('a', 20)), '{"fcm_token": ""}',
            jsonb_build_object('fcm_token', repeat('a', 4096))]::jsonb[]) f),
    array['[]'::jsonb], 'all that is just within bounds');

select is(
    array(
        select distinct pg_temp.errors(f)
        from unnest(array[
            '{"display_name": ""}', '{"display_name": "a"}', '{"display_name": "  a  "}', '{"display_name": 12}', '{"display_name": ["ab"]}',
            jsonb_build_object('display_name', repeat('ä', 51))]::jsonb[]) f),
    array['[{"field": "display_name", "message": "must be a string of 2 to 50 characters, blanks at its ends not counted"}]'::jsonb],
    'display_name');
select is(
    array(
        select distinct pg_temp.errors(f)
        from unnest(array['{"platform": ""}', '{"platform": 1}', jsonb_build_object('platform', repeat('a', 21))]::jsonb[]) f),
    array['[{"field": "platform", "message": "must be a string of 1 to 20 characters"}]'::jsonb], 'platform');
select is(
    array(
        select distinct pg_temp.errors(f)
        from unnest(array['{"fcm_token": false}', jsonb_build_object('fcm_token', repeat('a', 4097))]::jsonb[]) f),
    array['[{"field": "fcm_token", "message": "must be null or a string of at most 4096 characters"}]'::jsonb], 'fcm_token');
select is(pg_temp.errors('{"group_id": "a b"}') -> 0 ->> 'field', 'group_id', 'group_id');
select is(pg_temp.errors('{"device_id": "x"}') -> 0 ->> 'field', 'device_id', 'device_id');

select is(
    array(select pg_temp.errors(f) from unnest(array['{"device_id": "-"}', '{"display_name": "-"}', '{"group_id": "-"}']::jsonb[]) f),
    array[
        '[{"field": "device_id", "message": "is required"}]',
        '[{"field": "display_name", "message": "is required"}]',
        '[{"field": "group_id", "message": "is required"}]']::jsonb[],
    'what is required');
select is(
    array(select e ->> 'field' from jsonb_array_elements(core.registration_errors('{"platform": "", "fcm_token": 1}')) e),
    array['device_id', 'display_name', 'group_id', 'platform', 'fcm_token'], 'all errors at once');
select is(
    pg_temp.errors('{"device_id": null, "display_name": null, "group_id": null}'), core.registration_errors('{}'), 'null is absent here too');

select * from finish();
rollback;
