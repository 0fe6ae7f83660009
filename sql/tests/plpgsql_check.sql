-- What plpgsql_check finds in the PL/pgSQL functions and procedures: nothing.
--
-- Left out are its performance warnings: they would have validators and other functions that only read be declared
-- stable, while the contract of these is to see what the statement has done so far, hence volatile; and they warn of
-- casts that PostgreSQL does for nothing.

begin;
load 'plpgsql_check';  -- newer versions must be there before the first PL/pgSQL function of the session runs
\ir fixtures.psql
select plan(2);

create temporary view checked as
select p.oid, p.oid::regprocedure::text as name
from pg_proc p
join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
where p.pronamespace in ('core'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace, 'jobs'::regnamespace);

select cmp_ok((select count(*) from checked), '>', 30::bigint, 'there are functions to check');

select is_empty(
    $$
    select c.name, f.lineno, f.level, f.sqlstate, f.message, f.detail, f.hint, f.statement
    from checked c
    cross join lateral plpgsql_check_function_tb(
        c.oid,
        fatal_errors => false,
        other_warnings => true,
        extra_warnings => true,
        security_warnings => true,
        compatibility_warnings => true,
        performance_warnings => false) f
    $$,
    'no errors and no warnings');

select * from finish();
rollback;
