-- jobs.cleanup_idempotency_keys_step(position): removes up to 10,000 stored answers past their time, the oldest first.
--
-- They are found by their place (ctid), which holds while they are locked: of so many keys the planner would rather read all
-- answers, in every step. Locks: their rows; one that a request is about to overwrite is left alone.

create function jobs.cleanup_idempotency_keys_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff timestamptz := (select core.now() - make_interval(hours => s.idempotency_ttl_hours) from core.settings s);
begin
    delete from core.idempotency_keys i
    where i.ctid = any (array(
        select o.ctid
        from core.idempotency_keys o
        where o.created_at <= v_cutoff
        order by o.created_at
        limit 10000
        for update skip locked));
    get diagnostics handled = row_count;
    next_position := case when handled = 10000 then coalesce(p_position, '{}') end;
end
$$;

comment on function jobs.cleanup_idempotency_keys_step(jsonb) is 'A step of jobs.cleanup_idempotency_keys: removes up to 10,000 answers.';
revoke all on function jobs.cleanup_idempotency_keys_step(jsonb) from public;
