-- Verify phone_manager:job_runs on pg

begin;

-- A table, owned by pm_owner, that nobody else may touch.
select 1 / count(*)
from pg_catalog.pg_class c
where c.oid = to_regclass('core.job_runs')
    and c.relkind = 'r'
    and c.relowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')
            or has_table_privilege(r.role, c.oid, 'delete, truncate, trigger'));

select e.name, 1 / count(a.attname)
from (values
    ('id', 'bigint', true),
    ('job_name', 'text', true),
    ('started_at', 'timestamp with time zone', true),
    ('ended_at', 'timestamp with time zone', false),
    ('rows', 'bigint', true),
    ('error', 'text', false),
    ('rows_total', 'bigint', true),
    ('next_position', 'jsonb', false)
) e(name, type, not_null)
left join pg_catalog.pg_attribute a
    on a.attrelid = to_regclass('core.job_runs')
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
    on o.conrelid = to_regclass('core.job_runs') and pg_get_constraintdef(o.oid) = e.definition
group by e.definition;

-- Rules.
select e.name, 1 / count(o.oid)
from (values
    ('job_runs_rows_check'),
    ('job_runs_rows_total_check')
) e(name)
left join pg_catalog.pg_constraint o
    on o.conrelid = to_regclass('core.job_runs') and o.conname = e.name and o.contype = 'c' and o.convalidated
group by e.name;

-- Indexes.
select e.definition, 1 / count(i.indexrelid)
from (values
    ('CREATE INDEX job_runs_by_job ON core.job_runs USING btree (job_name, started_at DESC)'),
    ('CREATE INDEX job_runs_successes ON core.job_runs USING btree (job_name, started_at DESC) WHERE ((ended_at IS NOT NULL) AND (error IS NULL))')
) e(definition)
left join pg_catalog.pg_index i
    on i.indrelid = to_regclass('core.job_runs') and pg_get_indexdef(i.indexrelid) = e.definition and i.indisvalid
group by e.definition;

rollback;
