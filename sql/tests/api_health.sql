-- api.health

begin;
\ir fixtures.psql
select plan(3);

select pg_temp.function_is('api.health()', '', 'json', 'stable definer', 'pm_api');
select cmp_ok((api.health() ->> 'schema_version')::integer, '>=', 1, 'the version of the schema');
select is(pg_temp.failure('select api.health()', 'pm_api'), null, 'pm_api may call it');

select * from finish();
rollback;
