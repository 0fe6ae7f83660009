-- Verify phone_manager:idempotency_keys on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.idempotency_keys')
    and c.relkind = 'r'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('api_key_id', 'bigint', true),
    ('endpoint', 'text', true),
    ('key_hash', 'bytea', true),
    ('request_hash', 'bytea', true),
    ('device_id', 'uuid', true),
    ('answer', 'json', true),
    ('created_at', 'timestamp with time zone', true)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.idempotency_keys')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
    and a.attnotnull = e.not_null
group by e.name;

-- Keys.
select e.definition, 1 / count(o.oid)
from (values
    ('PRIMARY KEY (api_key_id, endpoint, key_hash)'),
    ('FOREIGN KEY (api_key_id) REFERENCES core.api_keys(id) ON DELETE CASCADE'),
    ('FOREIGN KEY (device_id) REFERENCES core.devices(device_id) ON DELETE CASCADE')
) e(definition)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.idempotency_keys') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Rules.
select e.name, 1 / count(o.oid)
from (values
    ('idempotency_keys_key_hash_check'),
    ('idempotency_keys_request_hash_check')
) e(name)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.idempotency_keys') and o.conname = e.name and o.contype = 'c' and o.convalidated
group by e.name;

-- Indexes.
select e.definition, 1 / count(i.indexrelid)
from (values
    ('CREATE INDEX idempotency_keys_device_id ON core.idempotency_keys USING btree (device_id)'),
    ('CREATE INDEX idempotency_keys_created_at ON core.idempotency_keys USING btree (created_at)')
) e(definition)
left join pg_catalog.pg_index i
    on i.indrelid = to_regclass('core.idempotency_keys') and pg_get_indexdef(i.indexrelid) = e.definition and i.indisvalid
group by e.definition;

rollback;
