-- Verify phone_manager:job_status on pg

begin;

-- A view, owned by pm_owner, that pm_monitor may read, nobody else.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.job_status')
    and c.relkind = 'v'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select') <> (r.role = 'pm_monitor')
            or has_any_column_privilege(r.role, c.oid, 'insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('job_name', 'text'),
    ('started_at', 'timestamp with time zone'),
    ('ended_at', 'timestamp with time zone'),
    ('failed', 'boolean'),
    ('rows', 'bigint'),
    ('rows_total', 'bigint'),
    ('succeeded_at', 'timestamp with time zone')
) e(name, type)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.job_status')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
group by e.name;

rollback;
