-- The rules of single fields: core.number_error, core.integer_error, core.string_error, core.field_error,
-- core.device_id_errors, core.group_id_errors; and how a request is refused: core.require_object, core.require_valid

begin;
\ir fixtures.psql
select plan(44);

select pg_temp.function_is('core.number_error(jsonb, boolean, double precision, double precision, text)',
    'p_value jsonb, p_required boolean, p_from double precision, p_to double precision, p_message text', 'text', 'immutable', null);
select pg_temp.function_is('core.integer_error(jsonb, boolean, text)',
    'p_value jsonb, p_required boolean, p_message text', 'text', 'immutable', null);
select pg_temp.function_is('core.string_error(jsonb, boolean, integer, integer, text)',
    'p_value jsonb, p_required boolean, p_from integer, p_to integer, p_message text', 'text', 'immutable', null);
select pg_temp.function_is('core.field_error(text, text)', 'p_field text, p_message text', 'jsonb', 'immutable', null);
select pg_temp.function_is('core.device_id_errors(jsonb)', 'p_request jsonb', 'jsonb', 'immutable', null);
select pg_temp.function_is('core.group_id_errors(jsonb)', 'p_request jsonb', 'jsonb', 'immutable', null);
select pg_temp.function_is('core.require_object(jsonb)', 'p_request jsonb', 'void', 'immutable', null);
select pg_temp.function_is('core.require_valid(jsonb)', 'p_errors jsonb', 'void', 'immutable', null);

-- Numbers from 1 to 3.

select is(core.number_error(v, true, 1, 3, 'wrong'), null, v::text || ' is within')
from (values (1, '1'::jsonb), (2, '3'), (3, '2.5'), (4, '1e0'), (5, '3.0000000000000000000000001')) t(n, v) order by n;
select is(core.number_error(v, true, 1, 3, 'wrong'), 'wrong', v::text || ' is not')
from (values
    (1, '0.999'::jsonb), (2, '3.000000000000001'), (3, '-2'), (4, '1e1000'), (5, '"2"'), (6, 'true'), (7, '[2]'), (8, '{}')) t(n, v)
order by n;
select is(array[core.number_error('null', true, 1, 3, 'wrong'), core.number_error(null, true, 1, 3, 'wrong')],
    array['is required', 'is required'], 'required: neither null nor absent');
select is(array[core.number_error('null', false, 1, 3, 'wrong'), core.number_error(null, false, 1, 3, 'wrong')],
    array[null, null], 'optional: null or absent');
select is(core.number_error('"2"', false, 1, 3, 'wrong'), 'wrong', 'optional: still no string');

-- Integers, as JSON Schema has them.

select is(array(select core.integer_error(v, true, 'wrong') from unnest(array['5', '-5', '0', '5.0', '1e3', '1e30']::jsonb[]) v),
    array_fill(null::text, array[6]), 'integers');
select is(array(select core.integer_error(v, true, 'wrong') from unnest(array['5.5', '1e-3', '"5"', 'false', '[]', '{}']::jsonb[]) v),
    array_fill('wrong'::text, array[6]), 'no integers');
select is(array[core.integer_error('null', true, 'wrong'), core.integer_error(null, true, 'wrong')],
    array['is required', 'is required'], 'required: neither null nor absent');
select is(array[core.integer_error('null', false, 'wrong'), core.integer_error(null, false, 'wrong')], array[null, null],
    'optional: null or absent');

-- Strings of 2 to 3 characters.

select is(array(select core.string_error(v, true, 2, 3, 'wrong') from unnest(array['"ab"', '"abc"', '"äöü"', '"😀😀😀"']::jsonb[]) v),
    array_fill(null::text, array[4]), 'characters count, not bytes');
select is(
    array(select core.string_error(v, true, 2, 3, 'wrong') from unnest(array['"a"', '"abcd"', '""', '12', 'true', '["ab"]', '{}']::jsonb[]) v),
    array_fill('wrong'::text, array[7]), 'too short, too long, or no strings');
select is(array[core.string_error('null', true, 2, 3, 'wrong'), core.string_error(null, true, 2, 3, 'wrong')],
    array['is required', 'is required'], 'required: neither null nor absent');
select is(array[core.string_error('null', false, 2, 3, 'wrong'), core.string_error(null, false, 2, 3, 'wrong')],
    array[null, null], 'optional: null or absent');

-- Fields.

select is(core.field_error('a', 'is wrong'), '[{"field": "a", "message": "is wrong"}]', 'an error');
select is(core.field_error('a', null), '[]', 'no error');

select is(core.device_id_errors(jsonb_build_object('device_id', pg_temp.id(1))), '[]', 'a device_id');
select is(
    array(select distinct core.device_id_errors(v) from unnest(array['{}', '{"device_id": null}', '[]', '"device_id"', 'null']::jsonb[]) v),
    array['[{"field": "device_id", "message": "is required"}]'::jsonb], 'no device_id');
select is(
    array(select distinct core.device_id_errors(jsonb_build_object('device_id', v))
        from unnest(array['""', '"x"', '1', 'true', '{}', '"550e8400e29b41d4a716446655440000"']::jsonb[]) v),
    array['[{"field": "device_id", "message": "must be a UUID"}]'::jsonb], 'a device_id that is no UUID');

select is(array(select distinct core.group_id_errors(jsonb_build_object('group_id', v)) from unnest(array['ab', 'A-z_09', repeat('x', 50)]) v),
    array['[]'::jsonb], 'a group_id');
select is(array(select distinct core.group_id_errors(v) from unnest(array['{}', '{"group_id": null}', '[]']::jsonb[]) v),
    array['[{"field": "group_id", "message": "is required"}]'::jsonb], 'no group_id');
select is(
    array(select distinct core.group_id_errors(jsonb_build_object('group_id', v))
        from unnest(array['""', '"a"', '"a b"', '"ä1"', '"ab\n"', '" ab"', '12', '["ab"]', to_jsonb(repeat('x', 51))]::jsonb[]) v),
    array['[{"field": "group_id", "message": "must be 2 to 50 letters, digits, hyphens or underscores"}]'::jsonb],
    'a group_id of other characters or length');

-- Refusals.

select lives_ok($$ select core.require_object('{}') $$, 'an object');
select is(
    pg_temp.refusals('select core.require_object(%L)', '[]', 'null', '"a"', '1', null), array['PT400 The request body must be a JSON object.'],
    'anything else');
select lives_ok($$ select core.require_valid('[]') $$, 'no errors');
select is(
    pg_temp.failure($$ select core.require_valid('[{"field": "a", "message": "b"}]') $$),
    '{"sqlstate": "PT400", "message": "The request has invalid fields.", "detail": [{"field": "a", "message": "b"}], "hint": ""}',
    'errors, which become the detail');

select * from finish();
rollback;
