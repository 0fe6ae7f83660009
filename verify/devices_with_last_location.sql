-- Verify phone_manager:devices_with_last_location on pg

begin;

-- A view, owned by pm_owner, that nobody else may read.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.devices_with_last_location')
    and c.relkind = 'v'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('device_id', 'uuid'),
    ('display_name', 'core.device_name'),
    ('group_id', 'core.group_name'),
    ('active', 'boolean'),
    ('last_seen_at', 'timestamp with time zone'),
    ('last_location', 'text')
) e(name, type)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.devices_with_last_location')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
group by e.name;

rollback;
