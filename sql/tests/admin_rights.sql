-- Schema admin as the roles meet it: who logs in as an operator can do each of its functions, and touch no table; who
-- logs in as the API can do neither.

begin;
\ir fixtures.psql
select plan(9);

create role tap_operator login in role pm_admin;
create role tap_api login in role pm_api;
select current_user as superuser \gset

-- A call of each function, in an order in which all of them work.
create temporary table call (position integer generated always as identity, name text, arguments text not null);
insert into call (name, arguments) values
    ('create_api_key', '''family app'''), ('list_api_keys', ''), ('deactivate_api_key', '1'), ('reactivate_api_key', '1'),
    ('rotate_api_key', '1'), ('expire_api_key', '1'), ('show_settings', ''), ('set_setting', '''max_batch_size'', 49'), ('help', ''),
    ('list_groups', ''), ('list_devices', ''), ('recent_points', 'pg_temp.id(1)'), ('move_device', 'pg_temp.id(1), ''friends'''),
    ('deactivate_device', 'pg_temp.id(1)'), ('reactivate_device', 'pg_temp.id(1)'), ('erase_device', 'pg_temp.id(1)'),
    ('delete_inactive_devices', '1'), ('storage_report', ''), ('statistics', ''), ('job_history', ''), ('audit_trail', '');
select set_eq(
    'select name from call', $$ select proname::text from pg_proc where pronamespace = 'admin'::regnamespace $$, 'a call of each function');

select pg_temp.device(1), pg_temp.device(2), pg_temp.api_key(1) \g /dev/null
create temporary view relation as
select c.oid::regclass::text as name from pg_class c
where c.relnamespace = 'core'::regnamespace and c.relkind in ('r', 'p', 'v', 'm');
grant select on call, relation to public;
-- How each of some statements fails, for the role that is logged in.
create function pg_temp.failures(p_query text) returns table (statement text, sqlstate text)
language plpgsql
as $$
begin
    for statement in execute p_query loop
        sqlstate := pg_temp.failure(statement) ->> 'sqlstate';
        return next;
    end loop;
end
$$;
\set calls 'select format(''select * from admin.%I(%s)'', name, arguments) from call order by position'
\set reads 'select format(''select from %s'', name) from relation'
\set writes 'select format(''delete from %s'', name) from relation'

set session authorization tap_api;
select set_eq(format('select distinct sqlstate from pg_temp.failures(%L)', :'calls'), array['42501'], 'the API''s login can call none of them');
select set_eq(format('select distinct sqlstate from pg_temp.failures(%L)', :'reads'), array['42501'], 'nor read a table');

set session authorization tap_operator;
select is_empty(
    format('select * from pg_temp.failures(%L) where sqlstate is not null', :'calls'), 'an operator''s login can call each of them');
select set_eq(format('select distinct sqlstate from pg_temp.failures(%L)', :'reads'), array['42501'], 'but read no table');
select set_eq(format('select distinct sqlstate from pg_temp.failures(%L)', :'writes'), array['42501'], 'nor write one');
select throws_ok('set role pm_owner', '42501', null, 'nor become the owner');

set session authorization :superuser;
select results_eq(
    'select action, database_role from core.audit_log order by id',
    $$
    select a, 'tap_operator' from unnest(array[
        'create_api_key', 'deactivate_api_key', 'reactivate_api_key', 'create_api_key', 'rotate_api_key', 'expire_api_key',
        'change_setting', 'read_points', 'move_device', 'deactivate_device', 'reactivate_device', 'erase_device',
        'delete_inactive_devices']) a
    $$,
    'whatever changed data or showed positions is in the audit log, with the role that logged in');
select is((select array_agg(device_id) from core.devices), array[pg_temp.id(2)], 'and was done');

select * from finish();
rollback;
