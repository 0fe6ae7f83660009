-- api.health

begin;
\ir fixtures.psql
select plan(5);

select pg_temp.function_is('api.health()', '', 'json', 'stable definer', 'pm_api');
select cmp_ok((api.health() ->> 'schema_version')::integer, '>=', 1, 'the version of the schema');
select is(pg_temp.failure('select api.health()', 'pm_api'), null, 'pm_api may call it');

select is(api.health() ->> 'read_only', 'false', 'something can be stored');
set transaction read only;
select is(api.health() ->> 'read_only', 'true', 'nothing can be stored');

select * from finish();
rollback;
