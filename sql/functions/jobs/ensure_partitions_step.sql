-- jobs.ensure_partitions_step(): makes one missing partition, the newest first.
--
-- Returns the points moved home into it; null when none is missing. Waits at most 200 ms for a lock, since uploads
-- wait behind it. Errors: 55P03 (lock_not_available): call again.

create function jobs.ensure_partitions_step() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date := (select d from core.missing_partitions() d limit 1);
begin
    if v_day is null then
        return null;
    end if;
    perform set_config('lock_timeout', '200ms', true);
    return coalesce(core.create_partition(v_day), 0);
end
$$;

comment on function jobs.ensure_partitions_step() is 'Makes one missing partition; null when none is missing.';
revoke all on function jobs.ensure_partitions_step() from public;
grant execute on function jobs.ensure_partitions_step() to pm_admin;
