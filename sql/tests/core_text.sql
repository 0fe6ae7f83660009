-- core.trim_blanks, core.parse_uuid, core.to_float8, core.flush_to_zero

begin;
\ir fixtures.psql
select plan(25);

select pg_temp.function_is('core.trim_blanks(text)', 'p_text text', 'text', 'immutable', null);
select pg_temp.function_is('core.parse_uuid(text)', 'p_text text', 'uuid', 'immutable', null);
select pg_temp.function_is('core.to_float8(numeric)', 'p_number numeric', 'double precision', 'immutable', null);
select pg_temp.function_is('core.flush_to_zero(double precision)', 'p_number double precision', 'double precision', 'immutable', null);

-- Blanks.

select is(core.trim_blanks(E' \t\r\n\f\u000bAnna \t'), 'Anna', 'ASCII white space goes');
select is(core.trim_blanks(E'\u00a0\u2003Anna\u3000\u2028'), 'Anna', 'Unicode white space goes');
select is(core.trim_blanks('Anna  B'), 'Anna  B', 'inner blanks stay');
select is(core.trim_blanks(E'\u200bAnna'), E'\u200bAnna', 'a zero-width space is no white space in Unicode');
select is(core.trim_blanks(E' \u2009 '), '', 'nothing but blanks leaves nothing');
select is(core.trim_blanks(null), null, 'null stays null');
select is(
    (
        select array_agg(c order by c)
        from unnest(array[
            9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239,
            8287, 12288]) c
        where core.trim_blanks(chr(c)) <> ''
    ),
    null,
    'each character with the property White_Space goes');

-- UUIDs.

select is(core.parse_uuid('550e8400-e29b-41d4-a716-446655440000'), '550e8400-e29b-41d4-a716-446655440000', 'lower case');
select is(core.parse_uuid('550E8400-E29B-41D4-A716-446655440000'), '550e8400-e29b-41d4-a716-446655440000', 'upper case');
select is(core.parse_uuid('{550e8400-e29b-41d4-a716-446655440000}'), null, 'no braces');
select is(core.parse_uuid('550e8400e29b41d4a716446655440000'), null, 'no missing hyphens');
select is(core.parse_uuid('550e-8400-e29b-41d4-a716-4466-5544-0000'), null, 'no other hyphens');
select is(core.parse_uuid(E'550e8400-e29b-41d4-a716-446655440000\n'), null, 'no line feed after it');
select is(core.parse_uuid('550e8400-e29b-41d4-a716-44665544000g'), null, 'no other letters');
select is(core.parse_uuid(null), null, 'null stays null');

-- Numbers.

select is(core.to_float8(16.3738), 16.3738::float8, 'an ordinary number');
select is(core.to_float8(1e-400), 0::float8, 'too small for a float8 is 0');
select is(core.flush_to_zero(-1e-38)::float4, 0::float4, 'too small for a float4 is 0, so that a later cast succeeds');
select is(core.flush_to_zero(core.to_float8(1.23456789012345678e-36)), 1.2345678901234568e-36::float8, 'small numbers that fit are kept');
select is(core.to_float8(3.4028234e38)::float4, 3.4028234e38::float4, 'the largest float4');
select is(core.flush_to_zero(core.to_float8(null)), null, 'null stays null');

select * from finish();
rollback;
