-- Verify phone_manager:group_member_counts on pg

begin;

-- A materialized view, owned by pm_owner, that pm_monitor may read, nobody else.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.group_member_counts')
    and c.relkind = 'm'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select') <> (r.role = 'pm_monitor')
            or has_any_column_privilege(r.role, c.oid, 'insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('group_id', 'core.group_name'),
    ('active_count', 'bigint'),
    ('total_count', 'bigint'),
    ('last_activity', 'timestamp with time zone')
) e(name, type)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.group_member_counts')
    and a.attname = e.name
    and format_type(a.atttypid, a.atttypmod) = e.type
group by e.name;

-- Indexes; a concurrent refresh needs the unique one.
select e.definition, 1 / count(i.indexrelid)
from (values
    ('CREATE UNIQUE INDEX group_member_counts_group_id ON core.group_member_counts USING btree (group_id)'),
    ('CREATE INDEX group_member_counts_last_activity ON core.group_member_counts USING btree (last_activity DESC)')
) e(definition)
left join pg_catalog.pg_index i
    on i.indrelid = to_regclass('core.group_member_counts') and pg_get_indexdef(i.indexrelid) = e.definition and i.indisvalid
group by e.definition;

rollback;
