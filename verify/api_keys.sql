-- Verify phone_manager:api_keys on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.api_keys')
    and c.relkind = 'r'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('id', 'bigint', true),
    ('key_hash', 'bytea', true),
    ('key_prefix', 'text', true),
    ('name', 'text', true),
    ('is_active', 'boolean', true),
    ('is_admin', 'boolean', true),
    ('rate_limit_per_minute', 'integer', false),
    ('last_used_at', 'timestamp with time zone', false),
    ('created_at', 'timestamp with time zone', true),
    ('expires_at', 'timestamp with time zone', false)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.api_keys')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (id)'),
    ('UNIQUE (key_hash)')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.api_keys') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Rules.
select e.name, 1 / count(o.oid)
from (values
    ('api_keys_key_hash_check'),
    ('api_keys_key_prefix_check'),
    ('api_keys_name_check'),
    ('api_keys_rate_limit_per_minute_check'),
    ('api_keys_expires_at_check')
) e(name)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.api_keys') and o.conname = e.name and o.contype = 'c' and o.convalidated
group by e.name;

rollback;
