-- Who may do what, over everything there is: what nobody thought of when adding an object fails here.

begin;
\ir fixtures.psql
select plan(19);

create temporary view routine as
select p.oid, p.oid::regprocedure::text as name, n.nspname as schema, p.prokind, p.prosecdef, p.proconfig, p.prosqlbody, p.proowner, p.proacl
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('core', 'api', 'admin', 'jobs');

create temporary view relation as
select c.oid, c.oid::regclass::text as name, c.relkind, c.relowner
from pg_class c
where c.relnamespace in ('core'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace, 'jobs'::regnamespace)
    and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f');

-- Functions.

select is_empty(
    $$ select name from routine where schema in ('api', 'admin') and not prosecdef $$, 'all of api and admin run with their owner''s rights');
select is_empty(
    $$ select name from routine where schema in ('api', 'admin') and prokind <> 'f' $$, 'all of api and admin are functions');
select is_empty(
    $$ select name from routine where prosecdef and proconfig[1] is distinct from 'search_path=pg_catalog, pg_temp' $$,
    'whatever runs with its owner''s rights has a pinned search_path');
select is_empty(
    $$ select name from routine where proconfig[1] is distinct from 'search_path=pg_catalog, pg_temp' and prosqlbody is null and prokind <> 'p' $$,
    'so has all else, but for SQL-standard bodies, which need none, and procedures that commit, which can have none');
select is_empty(
    $$ select name from routine where schema = 'core' and prosecdef $$, 'nothing of core does: the functions of the other schemas do');
select set_eq(
    $$ select name from routine where has_function_privilege('pm_api', oid, 'execute') $$,
    $$ select name from routine where schema = 'api' $$, 'pm_api may call exactly api');
select set_eq(
    $$ select name from routine where has_function_privilege('pm_admin', oid, 'execute') $$,
    $$ select name from routine where schema in ('admin', 'jobs') and name !~ '_step\(jsonb\)$' $$,
    'pm_admin may call exactly admin and jobs, but not single steps of jobs');
select is_empty(
    $$ select name from routine where has_function_privilege('pm_monitor', oid, 'execute') $$, 'pm_monitor may call nothing');
select is_empty(
    $$ select name from routine where has_function_privilege('public', oid, 'execute') $$, 'the public may call nothing');
select is_empty(
    $$
    select r.name, a.grantee::regrole
    from routine r, aclexplode(r.proacl) a
    where a.grantee not in ('pm_owner'::regrole, 'pm_api'::regrole, 'pm_admin'::regrole) or a.is_grantable and a.grantee <> 'pm_owner'::regrole
    $$,
    'nobody else was given anything, and nobody may pass it on');

-- Tables, views and sequences.

select is_empty(
    $$
    select r.name, role
    from relation r, unnest(array['public', 'pm_api', 'pm_admin']) role
    where r.relkind <> 'S'
        and (
            has_any_column_privilege(role, r.oid, 'select, insert, update, references')
            or has_table_privilege(role, r.oid, 'delete, truncate, trigger'))
    $$,
    'no table is for the public, pm_api or pm_admin');
select is_empty(
    $$
    select name from relation
    where relkind not in ('v', 'm', 'S')
        and (
            has_any_column_privilege('pm_monitor', oid, 'select, insert, update, references')
            or has_table_privilege('pm_monitor', oid, 'delete, truncate, trigger'))
    $$,
    'nor for pm_monitor');
select is_empty(
    $$
    select name from relation
    where relkind in ('v', 'm')
        and (has_any_column_privilege('pm_monitor', oid, 'insert, update') or has_table_privilege('pm_monitor', oid, 'delete'))
    $$,
    'which may read some views');
select is_empty(
    $$
    select r.name, role
    from relation r, unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) role
    where r.relkind = 'S' and has_sequence_privilege(role, r.oid, 'usage, select, update')
    $$,
    'no sequence is for anybody');

-- Schemas, owners, roles.

select is(
    array(
        select n.nspname || ': ' || role
        from pg_namespace n, unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) role
        where n.nspname in ('core', 'api', 'admin', 'jobs') and has_schema_privilege(role, n.oid, 'usage')
        order by 1),
    array['admin: pm_admin', 'api: pm_api', 'core: pm_monitor', 'jobs: pm_admin'],
    'each schema has one user');
select is_empty(
    $$
    select n.nspname, role
    from pg_namespace n, unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) role
    where n.nspname in ('core', 'api', 'admin', 'jobs') and has_schema_privilege(role, n.oid, 'create')
    $$,
    'nobody may make anything in them');
select is_empty(
    $$
    select name from routine where proowner <> 'pm_owner'::regrole
    union all
    select name from relation where relowner <> 'pm_owner'::regrole
    union all
    select nspname from pg_namespace where nspname in ('core', 'api', 'admin', 'jobs') and nspowner <> 'pm_owner'::regrole
    union all
    select typname from pg_type where typnamespace = 'core'::regnamespace and typowner <> 'pm_owner'::regrole
    $$,
    'pm_owner owns everything');
select is_empty(
    $$
    select rolname from pg_roles
    where rolname in ('pm_owner', 'pm_api', 'pm_admin', 'pm_monitor')
        and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
    $$,
    'no role of the service can log in or has rights over the cluster');
select is_empty(
    $$
    select a, b
    from unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) a
    join unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) b on a <> b and pg_has_role(a, b, 'member')
    $$,
    'none is a member of another');

select * from finish();
rollback;
