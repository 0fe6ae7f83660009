-- core.lock_name(kind, name): holds a lock on a name until the end of the transaction.
--
-- For what has no row to lock: a group, an idempotency key, the set of partitions. Names are hashed to 64 bits
-- together with their kind; two that collide only wait for each other.
--
-- Order of all locks: idempotency key → group → device row → the rest. Who takes one after a later one deadlocks.
--
-- A rule that is checked under the lock must see what its last holder committed, hence READ COMMITTED.
-- Errors: 25001 (active_sql_transaction) at another isolation level.

create function core.lock_name(p_kind text, p_name text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'active_sql_transaction',
            message = format('This must run at READ COMMITTED, not %s.', upper(current_setting('transaction_isolation'))),
            hint = 'begin isolation level read committed;';
    end if;

    perform pg_advisory_xact_lock(hashtextextended(p_kind || ': ' || p_name, 0));
end
$$;

comment on function core.lock_name(text, text) is 'Holds a lock on a name until the end of the transaction.';
revoke all on function core.lock_name(text, text) from public;
