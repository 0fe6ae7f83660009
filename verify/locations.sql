-- Verify phone_manager:locations on pg

begin;

-- A table partitioned by capture time, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.locations')
    and c.relkind = 'p'
    and pg_get_partkeydef(c.oid) = 'RANGE (captured_at)'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('device_id', 'uuid', true),
    ('captured_at', 'timestamp with time zone', true),
    ('created_at', 'timestamp with time zone', true),
    ('latitude', 'core.latitude', true),
    ('longitude', 'core.longitude', true),
    ('altitude', 'core.altitude', false),
    ('accuracy', 'core.accuracy', true),
    ('bearing', 'core.bearing', false),
    ('speed', 'core.speed', false),
    ('battery_level', 'core.battery_level', false),
    ('provider', 'character varying(50)', false),
    ('network_type', 'character varying(50)', false)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.locations')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (device_id, captured_at)'),
    ('FOREIGN KEY (device_id) REFERENCES core.devices(device_id) ON DELETE CASCADE')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.locations') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- The partition that catches what has none.
select 1 / count(*)
from pg_catalog.pg_class c
join pg_catalog.pg_partitioned_table p on p.partrelid = to_regclass('core.locations') and p.partdefid = c.oid
where c.oid = to_regclass('core.locations_default') and c.relowner = 'pm_owner'::regrole;

rollback;
