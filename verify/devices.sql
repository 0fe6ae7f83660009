-- Verify phone_manager:devices on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.devices')
    and c.relkind = 'r'
    and c.reloptions @> array['fillfactor=60']
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('device_id', 'uuid', true),
    ('display_name', 'core.device_name', true),
    ('group_id', 'core.group_name', true),
    ('platform', 'core.platform', true),
    ('fcm_token', 'core.fcm_token', false),
    ('active', 'boolean', true),
    ('last_seen_at', 'timestamp with time zone', true),
    ('last_captured_at', 'timestamp with time zone', false),
    ('last_latitude', 'core.latitude', false),
    ('last_longitude', 'core.longitude', false),
    ('last_altitude', 'core.altitude', false),
    ('last_accuracy', 'core.accuracy', false),
    ('last_bearing', 'core.bearing', false),
    ('last_speed', 'core.speed', false),
    ('last_battery_level', 'core.battery_level', false),
    ('created_at', 'timestamp with time zone', true),
    ('updated_at', 'timestamp with time zone', true)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.devices')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (device_id)')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.devices') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Indexes.
select e.definition, 1 / count(i.indexrelid)
from (values
    ('CREATE INDEX devices_group_listing ON core.devices USING btree (group_id, active, display_name, device_id)')
) e(definition)
left join pg_catalog.pg_index i
    on i.indrelid = to_regclass('core.devices') and pg_get_indexdef(i.indexrelid) = e.definition and i.indisvalid
group by e.definition;

-- No index on what each upload changes, so that uploads are HOT updates.
select 1 / (count(*) = 0)::integer
from pg_catalog.pg_index i
where i.indrelid = 'core.devices'::regclass and pg_get_indexdef(i.indexrelid) ~ '\mlast_';

rollback;
