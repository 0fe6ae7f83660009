-- Whoever has the password of a login of the service, and nothing else, gets nowhere but into the functions and views
-- that it is for: no table, no way up, nothing of the server's files, no other database.

begin;
\ir fixtures.psql
select plan(16);

create role tap_api login in role pm_api;
create role tap_operator login in role pm_admin;
create role tap_dashboard login in role pm_monitor;
select current_user as superuser \gset

select pg_temp.device(1), pg_temp.api_key(1) \g /dev/null
analyze core.devices, core.api_keys;

-- Statements that every login must be refused. Those that no transaction may hold are in tests/test_logins.py.
create temporary table attempt (statement text primary key);
insert into attempt (statement) select format('%s %s', verb, name)
from (
    select c.oid::regclass::text as name from pg_class c
    where c.relnamespace = 'core'::regnamespace and c.relkind in ('r', 'p') and c.relname !~ '^locations_2'
) r
cross join (values ('table'), ('delete from'), ('truncate'), ('lock table'), ('drop table')) v(verb);
insert into attempt (statement) values
    -- into the tables by other doors
    ('insert into core.settings default values'),
    ('select last_value from core.api_keys_id_seq'),
    ('select nextval(''core.audit_log_id_seq'')'),
    ('create view pg_temp.spy as select * from core.devices; table pg_temp.spy'),
    ('create temporary table copied (like core.devices including all); insert into copied table core.devices'),
    ('create trigger t before insert on core.devices for each row execute function suppress_redundant_updates_trigger()'),
    ('create rule r as on select to core.devices do instead select 1'),
    ('create policy p on core.devices'),
    ('create index on core.devices (fcm_token)'),
    ('create statistics s on group_id, active from core.devices'),
    ('refresh materialized view core.group_member_counts'),
    ('select pg_get_serial_sequence(''core.api_keys'', ''id''), setval(''core.api_keys_id_seq'', 1)'),
    ('select * from pg_statistic'),
    -- functions that are not for them
    ('select core.new_api_key()'),
    ('select core.now()'),
    ('select core.erase_device(''00000000-0000-4000-8000-000000000001'', ''{}'')'),
    -- new objects, new rights
    ('create schema intruder'),
    ('create table public.intruder ()'),
    ('create table api.intruder ()'),
    ('create function admin.help(integer) returns void language sql return null'),
    ('create function public.lower(core.group_name) returns text language sql return null'),
    ('create operator public.= (function = uuid_eq, leftarg = uuid, rightarg = uuid)'),
    ('create cast (jsonb as core.group_name) with inout as implicit'),
    ('create or replace function api.health() returns json language sql security definer return null'),
    ('alter function api.health() owner to current_user'),
    ('alter function api.health() reset search_path'),
    ('alter default privileges for role pm_owner grant select on tables to public'),
    ('grant pm_owner to current_user'),
    ('create role intruder'),
    ('create extension dblink'),
    ('create extension file_fdw'),
    ('create publication p for all tables'),
    ('create event trigger e on ddl_command_end execute function pg_temp.nothing()'),
    ('create access method m type table handler heap_tableam_handler'),
    ('create foreign data wrapper w'),
    -- another role
    ('set role pm_owner'),
    ('alter role pm_owner login password ''x'''),
    ('alter role postgres password ''x'''),
    ('drop owned by pm_owner'),
    ('reassign owned by pm_owner to current_user'),
    -- the server
    ('copy (select 1) to program ''true'''),
    ('copy (select 1) to ''/tmp/intruder'''),
    ('create temporary table line (text text); copy line from program ''id'''),
    ('create temporary table line (text text); copy line from ''/etc/passwd'''),
    ('select pg_read_file(''postgresql.conf'')'),
    ('select pg_read_binary_file(''global/pg_control'')'),
    ('select pg_ls_dir(''.'')'),
    ('select * from pg_ls_logdir()'),
    ('select lo_import(''/etc/passwd'')'),
    ('select lo_export(1, ''/tmp/intruder'')'),
    ('load ''auto_explain'''),
    ('set log_statement = ''all'''),
    ('set session_replication_role = replica'),
    ('set log_parameter_max_length = -1'),
    ('select * from pg_hba_file_rules'),
    ('select * from pg_authid'),
    ('select passwd from pg_shadow'),
    ('select pg_reload_conf()'),
    ('select pg_switch_wal()'),
    ('select pg_stat_reset()'),
    ('select pg_terminate_backend(pid) from pg_stat_activity where usename = :superuser'),
    ('select * from pg_create_logical_replication_slot(''s'', ''test_decoding'')');
update attempt set statement = replace(statement, ':superuser', quote_literal(:'superuser'));

create function pg_temp.nothing() returns event_trigger language plpgsql as $$ begin end $$;
grant select on attempt to public;
create function pg_temp.unexpected() returns table (statement text, sqlstate text)
language plpgsql
as $$
begin
    for statement in select a.statement from attempt a loop
        sqlstate := pg_temp.failure(statement) ->> 'sqlstate';
        if sqlstate is distinct from '42501' then
            return next;
        end if;
    end loop;
end
$$;

-- What the catalog shows of the data, the sessions, the passwords.
create temporary table peep (query text primary key);
insert into peep values
    ('select 1 from pg_stats where schemaname = ''core'' and tablename <> ''group_member_counts'''),
    ('select 1 from pg_stats_ext'),
    ('select 1 from pg_user_mappings'),
    (format('select 1 from pg_stat_activity where usename = %L and query <> ''<insufficient privilege>''', :'superuser')),
    ('select 1 from pg_settings where name in (''data_directory'', ''hba_file'', ''config_file'')'),
    ('select 1 from information_schema.column_privileges where table_schema = ''core'' and grantee not in (''pm_monitor'')');
grant select on peep to public;
create function pg_temp.seen() returns table (what text)
language plpgsql
as $$
begin
    for what in select query from peep loop
        execute 'select from (' || what || ') q' ;
        if found then return next; end if;
    end loop;
end
$$;

set session authorization tap_api;
select is_empty('select * from pg_temp.unexpected()', 'the API''s login is refused all of it');
select is_empty('select * from pg_temp.seen()', 'and sees nothing in the catalog');
set session authorization tap_operator;
select is_empty('select * from pg_temp.unexpected()', 'so is an operator''s');
select is_empty('select * from pg_temp.seen()', 'which sees no more');
set session authorization tap_dashboard;
select is_empty('select * from pg_temp.unexpected()', 'so is a dashboard''s');
select is_empty('select * from pg_temp.seen()', 'which sees no more');
set session authorization :superuser;
select cmp_ok((select count(*) from attempt), '>', 100::bigint, 'these were many');

-- What each may.
create temporary view readable as
select c.oid::regclass::text as name, r.role
from pg_class c, unnest(array['pm_api', 'pm_admin', 'pm_monitor']) r(role)
where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and c.relnamespace not in (select oid from pg_namespace where nspname like 'pg_toast%' or nspname like 'pg_temp%')
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    and has_any_column_privilege(r.role, c.oid, 'select');
select set_eq(
    'select name, role from readable',
    $$ values ('core.group_member_counts', 'pm_monitor'), ('core.job_status', 'pm_monitor') $$,
    'pm_monitor reads two views, nobody else reads anything');
set session authorization tap_dashboard;
select lives_ok('select * from core.group_member_counts', 'a dashboard reads the one');
select lives_ok('select * from core.job_status', 'and the other');
select throws_ok('select api.health()', '42501', null, 'but calls nothing');
set session authorization tap_api;
select throws_ok('select * from core.job_status', '42501', null, 'which the API may not');
set session authorization :superuser;

-- Attacks on functions that run with their owner's rights.
select is_empty(
    $$
    select p.oid::regprocedure, t.typname
    from pg_proc p, unnest(coalesce(p.proallargtypes, p.proargtypes)) a(type)
    join pg_type t on t.oid = a.type
    where p.pronamespace in ('core'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace, 'jobs'::regnamespace)
        and p.prosecdef and (t.typtype = 'p' and t.typname not in ('void', 'record') or t.typnamespace <> 'pg_catalog'::regnamespace)
    $$,
    'none takes a value of the caller''s own type, whose casts and operators would run inside');
select is_empty(
    $$
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace in ('core'::regnamespace, 'api'::regnamespace, 'admin'::regnamespace, 'jobs'::regnamespace)
        and p.prosecdef and p.proleakproof
    $$,
    'none is trusted to see rows before they are chosen');
select is_empty(
    $$
    select c.oid::regclass, a.grantee::regrole, a.privilege_type
    from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
    where c.relnamespace = 'core'::regnamespace
    $$,
    'no column has rights of its own');
select is_empty(
    $$ select defaclrole::regrole from pg_default_acl where defaclrole = 'pm_owner'::regrole $$, 'and none are given to what will be made');

select * from finish();
rollback;
