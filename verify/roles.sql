-- Verify phone_manager:roles on pg

begin;

-- The roles are there, cannot log in, and have no rights over the cluster.
select e.name, 1 / count(r.oid)
from unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) e(name)
left join pg_catalog.pg_roles r
    on r.rolname = e.name
    and not r.rolcanlogin
    and not r.rolsuper
    and not r.rolcreaterole
    and not r.rolcreatedb
    and not r.rolreplication
    and not r.rolbypassrls
group by e.name;

-- None of them is a member of another.
select a.name, b.name, 1 / (not pg_has_role(a.name, b.name, 'member'))::integer
from unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) a(name)
join unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) b(name) on a.name <> b.name;

-- pm_owner may make schemas and temporary tables in this database, the others no schemas. This session may act as
-- pm_owner.
select r.role, 1 / (has_database_privilege(r.role, current_database(), 'create') = (r.role = 'pm_owner'))::integer
from unnest(array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor']) r(role);
select 1 / has_database_privilege('pm_owner', current_database(), 'temporary')::integer;
set local role pm_owner;

rollback;
