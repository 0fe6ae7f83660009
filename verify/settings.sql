-- Verify phone_manager:settings on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.settings')
    and c.relkind = 'r'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('only_row', 'boolean', true),
    ('max_devices_per_group', 'integer', true),
    ('max_batch_size', 'integer', true),
    ('location_retention_days', 'integer', true),
    ('audit_retention_days', 'integer', true),
    ('idempotency_ttl_hours', 'integer', true),
    ('max_clock_skew_seconds', 'integer', true),
    ('rate_limit_per_minute', 'integer', true),
    ('admin_rate_limit_per_minute', 'integer', true),
    ('privacy_rate_limit_per_hour', 'integer', true)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.settings')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (only_row)')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.settings') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Rules.
select e.name, 1 / count(o.oid)
from (values
    ('settings_only_row_check'),
    ('settings_max_devices_per_group_check'),
    ('settings_max_batch_size_check'),
    ('settings_location_retention_days_check'),
    ('settings_audit_retention_days_check'),
    ('settings_idempotency_ttl_hours_check'),
    ('settings_max_clock_skew_seconds_check'),
    ('settings_rate_limit_per_minute_check'),
    ('settings_admin_rate_limit_per_minute_check'),
    ('settings_privacy_rate_limit_per_hour_check')
) e(name)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.settings') and o.conname = e.name and o.contype = 'c' and o.convalidated
group by e.name;

-- The one row.
set local role pm_owner;
select 1 / (count(*) = 1)::integer from core.settings;

rollback;
