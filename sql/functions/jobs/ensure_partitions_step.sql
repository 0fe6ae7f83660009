-- jobs.ensure_partitions_step(): makes one missing partition, the newest first.
--
-- Returns the points moved home into it; null when none is missing. Waits at most 200 ms for a lock, since uploads
-- wait behind it. Errors: 55P03 (lock_not_available): call again. 55000 (object_not_in_prerequisite_state), once all
-- others are made, where another table has a partition's name (a detached partition keeps it).

create function jobs.ensure_partitions_step() returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
    v_day      date;
    v_namesake regclass;
begin
    select d, to_regclass(core.partition_name(d))
    into v_day, v_namesake
    from core.missing_partitions() d
    order by to_regclass(core.partition_name(d)) is not null, d desc
    limit 1;

    if v_day is null then
        return null;
    elsif v_namesake is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = format('%s is no partition of core.locations, but has the name of one.', v_namesake),
            hint = 'Attach, rename or drop it. Until then points of that day stay in core.locations_default.';
    end if;

    perform set_config('lock_timeout', '200ms', true);
    return coalesce(core.create_partition(v_day), 0);
end
$$;

comment on function jobs.ensure_partitions_step() is 'Makes one missing partition; null when none is missing.';
revoke all on function jobs.ensure_partitions_step() from public;
grant execute on function jobs.ensure_partitions_step() to pm_admin;
