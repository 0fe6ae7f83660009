-- The rules of single values: both sides of each bound, and what numbers of a computer can be besides.

begin;
\ir fixtures.psql
select plan(19);

create temporary table value (domain text, accepted text[], refused text[]);
insert into value values
    ('device_name',
        array['ab', repeat('ä', 50), 'Anna B', '名前'],
        array['', 'a', repeat('ä', 51), ' ab', 'ab ', E'ab\n', E'\u00a0ab']),
    ('group_name',
        array['ab', repeat('a', 50), 'A-z_0'],
        array['', 'a', repeat('a', 51), 'a b', 'ä1', 'a.b', E'ab\n']),
    ('platform', array['a', repeat('a', 20)], array['', repeat('a', 21)]),
    ('fcm_token', array['', repeat('a', 4096)], array[repeat('a', 4097)]),
    ('latitude', array['-90', '0', '90'], array['-90.0000001', '90.0000001', 'NaN', 'Infinity', '-Infinity']),
    ('longitude', array['-180', '0', '180'], array['-180.0000001', '180.0000001', 'NaN', 'Infinity', '-Infinity']),
    ('altitude', array['-1.7976931348623157e308', '0', '1.7976931348623157e308'], array['NaN', 'Infinity', '-Infinity']),
    ('accuracy', array['0', '3.4028234e38'], array['-0.0001', 'NaN', 'Infinity', '-Infinity']),
    ('bearing', array['0', '360'], array['-0.0001', '360.0001', 'NaN', 'Infinity', '-Infinity']),
    ('speed', array['0', '3.4028234e38'], array['-0.0001', 'NaN', 'Infinity', '-Infinity']),
    ('battery_level', array['0', '100'], array['-1', '101']),
    ('rate_limit_class', array['default', 'admin', 'privacy'], array['', 'other']);

-- Null is for the column to decide.
update value set accepted = accepted || array[null::text];

select set_eq(
    $$ select typname::text from pg_type where typnamespace = 'core'::regnamespace and typtype = 'd' $$,
    $$ select domain from value $$,
    'these are the domains');

select set_eq(
    $$ select distinct typowner::regrole::text from pg_type where typnamespace = 'core'::regnamespace and typtype = 'd' $$,
    array['pm_owner'],
    'pm_owner owns them');

select is(
    array(
        select pg_temp.failure(format('select %L::core.%I', v.accepted_value, v.domain))
        from (select domain, unnest(accepted) as accepted_value from value) v
        where pg_temp.failure(format('select %L::core.%I', v.accepted_value, v.domain)) is not null),
    '{}',
    'what should be accepted is');

select is(
    array(
        select format('%s: %s', v.domain, v.refused_value)
        from (select domain, unnest(refused) as refused_value from value) v
        where pg_temp.failure(format('select %L::core.%I', v.refused_value, v.domain)) ->> 'sqlstate' is distinct from '23514'),
    '{}',
    'what should be refused is, each by a rule');

select is(
    array(select (domain || ' ' || format_type(t.typbasetype, t.typtypmod)) from value join pg_type t on t.typname = domain order by 1),
    array[
        'accuracy real', 'altitude double precision', 'battery_level smallint', 'bearing real', 'device_name text', 'fcm_token text',
        'group_name text', 'latitude double precision', 'longitude double precision', 'platform text', 'rate_limit_class text', 'speed real'],
    'their types');

select is(
    array(select t.typname::text from pg_type t join pg_collation c on c.oid = t.typcollation and c.collname = 'C'
        where t.typnamespace = 'core'::regnamespace and t.typtype = 'd' order by 1),
    array['device_name', 'group_name'],
    'names sort by code point, the same everywhere');

select isnt(obj_description(t.oid, 'pg_type'), null, domain || ' is explained')
from value join pg_type t on t.typname = domain and t.typnamespace = 'core'::regnamespace
order by domain;

select ok(
    array(select n from unnest(array['b', 'B', 'ä', 'a']::text[]) n order by (n || 'x')::core.device_name) = array['B', 'a', 'b', 'ä'],
    'upper case first, letters with marks last');

select * from finish();
rollback;
