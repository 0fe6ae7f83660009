-- Verify phone_manager:schemas on pg

-- Each schema is there and owned by pm_owner; one role may use it, nobody may make anything in it.

begin;

select e.name, 1 / count(n.oid)
from (values
    ('core', 'pm_monitor'),
    ('api', 'pm_api'),
    ('admin', 'pm_admin'),
    ('jobs', 'pm_admin')
) e(name, user_role)
left join pg_catalog.pg_namespace n
    on n.nspname = e.name
    and n.nspowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_schema_privilege(r.role, n.oid, 'usage') <> (r.role = e.user_role)
            or has_schema_privilege(r.role, n.oid, 'create'))
group by e.name;

rollback;
