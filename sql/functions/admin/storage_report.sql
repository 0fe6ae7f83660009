-- admin.storage_report(): disk space of the database, of each table with its indexes, and of each day of points.
--
-- Example:
--   select * from admin.storage_report();
--   select day, rows_estimate, total_size from admin.storage_report() where day is not null;
--
-- First the whole database, then tables, the largest first (locations: all its days together), then the days of
-- points, the newest first. Rows are PostgreSQL's own estimates.

create function admin.storage_report()
returns table (name text, day date, rows_estimate bigint, table_size text, index_size text, total_size text, total_bytes bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with stored as materialized (
        select
            c.relname::text as name,
            i.inhrelid is not null as is_partition,
            core.partition_day(c.relname) as day,
            -- Statistics are empty after a crash; the number of the last ANALYZE is not.
            coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0)::bigint) as row_count,
            pg_table_size(c.oid) as table_bytes,
            pg_indexes_size(c.oid) as index_bytes
        from pg_catalog.pg_class c
        left join pg_catalog.pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'core.locations'::regclass
        where c.relnamespace = 'core'::regnamespace and c.relkind in ('r', 'm')
    ), report as (
        select 1 as part, 'the whole database' as name, null::date as day, null::bigint as row_count, null::bigint as table_bytes,
            null::bigint as index_bytes, pg_database_size(current_database()) as bytes
        union all
        select 2, s.name, null, s.row_count, s.table_bytes, s.index_bytes, s.table_bytes + s.index_bytes from stored s where not s.is_partition
        union all
        select 2, 'locations', null, sum(s.row_count)::bigint, sum(s.table_bytes)::bigint, sum(s.index_bytes)::bigint,
            sum(s.table_bytes + s.index_bytes)::bigint
        from stored s where s.is_partition
        union all
        select 3, s.name, s.day, s.row_count, s.table_bytes, s.index_bytes, s.table_bytes + s.index_bytes from stored s where s.is_partition
    )
    select
        r.name, r.day, r.row_count, pg_size_pretty(r.table_bytes), pg_size_pretty(r.index_bytes), pg_size_pretty(r.bytes), r.bytes
    from report r
    order by r.part, r.day desc, case when r.part = 2 then r.bytes end desc, r.name;
end
$$;

comment on function admin.storage_report() is 'Shows the disk space of the database, of its tables, and of each day of points.';
revoke all on function admin.storage_report() from public;
grant execute on function admin.storage_report() to pm_admin;
