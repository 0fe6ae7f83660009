-- core.create_partition(day): makes the partition of a UTC day and moves that day's points home from the default one.
--
-- Returns the number of points moved; null where the partition is there already.
--
-- The table is built alone and attached when it is complete: CREATE … PARTITION OF would lock core.locations against
-- every reader and writer. Attaching needs core.devices (for the foreign key) and the default partition, so both are
-- locked first, devices before points, as uploads do. While this waits for them, uploads wait behind it: the caller
-- sets a short lock_timeout and tries again later.
--
-- Locks: the set of partitions, core.devices (SHARE ROW EXCLUSIVE), core.locations_default (ACCESS EXCLUSIVE).
-- Errors: 55P03 (lock_not_available).

create function core.create_partition(p_day date) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'  -- bounds are written as text: IST is a time of India, of Israel and of Ireland
as $$
declare
    v_name  text := core.partition_name(p_day);
    v_from  timestamptz := p_day::timestamp at time zone 'UTC';
    v_to    timestamptz := (p_day + 1)::timestamp at time zone 'UTC';
    v_moved bigint;
begin
    perform core.lock_name('partitions', 'core.locations');
    -- to_regclass would do only without concurrency: what it did not find before the lock, it need not find after it.
    if exists (select from pg_catalog.pg_class c where c.relnamespace = 'core'::regnamespace and 'core.' || c.relname = v_name) then
        return null;
    end if;

    lock table core.devices in share row exclusive mode;
    lock table core.locations_default in access exclusive mode;

    execute format('create table %s (like core.locations including defaults including constraints including indexes)', v_name);
    execute format(
        'with moved as (delete from core.locations_default where captured_at >= $1 and captured_at < $2 returning *)
         insert into %s select * from moved', v_name)
    using v_from, v_to;
    get diagnostics v_moved = row_count;

    execute format('alter table core.locations attach partition %s for values from (%L) to (%L)', v_name, v_from, v_to);
    return v_moved;
end
$$;

comment on function core.create_partition(date) is 'Makes the partition of a UTC day and moves that day''s points home.';
revoke all on function core.create_partition(date) from public;
