-- What the system catalog tells its readers: every object is explained, with the first line of its file for \df+ and \d+.

begin;
\ir fixtures.psql
select plan(5);

create temporary view explained as
select p.oid::regprocedure::text as name, obj_description(p.oid, 'pg_proc') as comment
from pg_proc p
where p.pronamespace in ('core'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace, 'jobs'::regnamespace)
union all
select c.oid::regclass::text, obj_description(c.oid, 'pg_class')
from pg_class c
where c.relnamespace = 'core'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and c.relname !~ '^locations_\d{8}$'
union all
select n.nspname, obj_description(n.oid, 'pg_namespace') from pg_namespace n where n.nspname in ('core', 'api', 'admin', 'jobs')
union all
select r.rolname, shobj_description(r.oid, 'pg_authid') from pg_roles r where r.rolname in ('pm_owner', 'pm_api', 'pm_admin', 'pm_monitor');

select is_empty('select name from explained where comment is null', 'everything is explained');
select is_empty(
    $$ select name, comment from explained where comment !~ '^[A-Z]' or char_length(comment) not between 10 and 160 $$,
    'in a sentence');

-- Functions and indexes that depend on the clock would be wrong a moment later.
select is_empty(
    $$
    select pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = 'core'::regnamespace and pg_get_indexdef(i.indexrelid) ~* 'now\(|current_|timestamp'
    $$,
    'no index depends on the clock');
select is_empty(
    $$
    select c.conname from pg_constraint c
    where c.connamespace = 'core'::regnamespace and c.contype = 'c' and pg_get_constraintdef(c.oid) ~* 'now\(|current_'
    $$,
    'nor does a rule');
select is_empty(
    $$
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'api'::regnamespace and p.prosrc ~* 'clock_timestamp|[^.]now\(\)|current_timestamp'
    $$,
    'the functions of api have one clock: core.now()');

select * from finish();
rollback;
