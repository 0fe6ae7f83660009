-- Verify phone_manager:audit_log on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.audit_log')
    and c.relkind = 'r'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('id', 'bigint', true),
    ('created_at', 'timestamp with time zone', true),
    ('api_key_id', 'bigint', false),
    ('database_role', 'text', true),
    ('action', 'text', true),
    ('resource_type', 'text', true),
    ('resource_id', 'text', false),
    ('metadata', 'jsonb', true),
    ('ip_address', 'inet', false),
    ('request_id', 'text', false)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.audit_log')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (id)')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.audit_log') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Rules.
select e.name, 1 / count(o.oid)
from (values
    ('audit_log_metadata_check')
) e(name)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.audit_log') and o.conname = e.name and o.contype = 'c' and o.convalidated
group by e.name;

-- Indexes.
select e.definition, 1 / count(i.indexrelid)
from (values
    ('CREATE INDEX audit_log_created_at ON core.audit_log USING btree (created_at)')
) e(definition)
left join pg_catalog.pg_index i
    on i.indrelid = to_regclass('core.audit_log') and pg_get_indexdef(i.indexrelid) = e.definition and i.indisvalid
group by e.definition;

rollback;
