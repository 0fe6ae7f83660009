-- jobs.cleanup_rate_limits_step(position): removes up to 10,000 windows that nobody uses.
--
-- Nothing that was counted two hours ago is in any window now. Locks: their rows; one that is just being used is left alone.

create function jobs.cleanup_rate_limits_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_before bigint := extract(epoch from core.now() - interval '2 hours');
begin
    delete from core.rate_limits w
    where (w.api_key_id, w.class) in (
        select o.api_key_id, o.class
        from core.rate_limits o
        where o.last_slot * case o.class when 'privacy' then 60 else 1 end < v_before
        limit 10000
        for update of o skip locked);
    get diagnostics handled = row_count;
    next_position := case when handled = 10000 then coalesce(p_position, '{}') end;
end
$$;

comment on function jobs.cleanup_rate_limits_step(jsonb) is 'A step of jobs.cleanup_rate_limits: removes up to 10,000 windows.';
revoke all on function jobs.cleanup_rate_limits_step(jsonb) from public;
