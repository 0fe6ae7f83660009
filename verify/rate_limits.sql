-- Verify phone_manager:rate_limits on pg

begin;

-- An unlogged table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.rate_limits')
    and c.relkind = 'r'
    and c.relpersistence = 'u'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('api_key_id', 'bigint', true),
    ('class', 'core.rate_limit_class', true),
    ('last_slot', 'bigint', true),
    ('total', 'integer', true),
    ('slots', 'integer[]', true)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.rate_limits')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (api_key_id, class)'),
    ('FOREIGN KEY (api_key_id) REFERENCES core.api_keys(id) ON DELETE CASCADE')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.rate_limits') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

rollback;
