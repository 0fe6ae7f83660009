-- jobs.ensure_partitions_step(position): makes one missing partition, the newest first.
--
-- handled: the points moved home into it. Locks: those of core.create_partition.

create function jobs.ensure_partitions_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date := (select d from core.missing_partitions() d limit 1);
begin
    handled := 0;
    if v_day is not null then
        handled := coalesce(core.create_partition(v_day), 0);
        next_position := coalesce(p_position, '{}');
    end if;
end
$$;

comment on function jobs.ensure_partitions_step(jsonb) is 'A step of jobs.ensure_partitions: makes one missing partition.';
revoke all on function jobs.ensure_partitions_step(jsonb) from public;
