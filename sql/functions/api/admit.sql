-- api.admit(key hash, class, requests, unused, unused slot): authenticates an API key and counts requests against its limit.
--
-- p_key_hash: SHA-256 of the key. p_class: 'default', 'admin' or 'privacy', the route's class. p_requests: how many
-- requests ask for admission; the first "admitted" of them may go on. An instance may ask for some that it has not got
-- yet, if they come before the slot ends; p_unused says how many of those that it got in slot p_unused_slot did not
-- come: they are taken back.
--
-- The window is the current slot and the 60 whole ones before it, so no 60 slots see more than the limit, and who
-- stays under it in every 61 slots is never refused. A slot is a second, for privacy a minute.
--
-- Returns the key's id, how many requests were admitted, the limit (null: none), what is left of it, the seconds until
-- all of it is free again, where a request was refused the seconds after which one will be admitted, the slot, and the
-- seconds it lasts.
--
-- Runs in a transaction of its own, without waiting for the disk: one key is shared by all phones, so its row lock
-- must be short. Locks: the window's row.
-- Errors: PT401, PT403.

create function api.admit(
    p_key_hash bytea,
    p_class text default 'default',
    p_requests integer default 1,
    p_unused integer default 0,
    p_unused_slot bigint default 0,
    out api_key_id bigint,
    out admitted integer,
    out rate_limit integer,
    out remaining integer,
    out reset_after integer,
    out retry_after integer,
    out slot bigint,
    out slot_left float8
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key          core.api_keys;
    v_window       core.rate_limits;
    v_now          timestamptz := core.now();
    v_slot_seconds integer := case p_class when 'privacy' then 60 else 1 end;
    v_element      integer;
    v_unused       integer := 0;
    v_used         integer;
begin
    perform set_config('synchronous_commit', 'off', true);

    select k.* into v_key from core.api_keys k where k.key_hash = p_key_hash;

    if v_key.id is null or not v_key.is_active then
        raise exception using errcode = 'PT401', message = 'Missing or invalid API key.';
    elsif v_key.expires_at <= v_now then
        raise exception using errcode = 'PT401', message = 'The API key has expired.';
    elsif p_class = 'admin' and not v_key.is_admin then
        raise exception using errcode = 'PT403', message = 'This API key may not use administration routes.';
    end if;

    api_key_id := v_key.id;

    if v_key.last_used_at is null or v_key.last_used_at < date_trunc('minute', v_now) then
        -- Once a minute, by whoever comes first; the others do not wait.
        update core.api_keys k
        set last_used_at = date_trunc('minute', v_now)
        where k.id = (
            select l.id from core.api_keys l
            where l.id = v_key.id and l.last_used_at is not distinct from v_key.last_used_at
            for no key update skip locked);
    end if;

    select case p_class
        when 'privacy' then s.privacy_rate_limit_per_hour
        when 'admin' then coalesce(v_key.rate_limit_per_minute, s.admin_rate_limit_per_minute)
        else coalesce(v_key.rate_limit_per_minute, s.rate_limit_per_minute)
    end
    into rate_limit
    from core.settings s;

    if rate_limit = 0 then
        rate_limit := null;
        admitted := p_requests;
        return;
    end if;

    select w.* into v_window from core.rate_limits w where w.api_key_id = v_key.id and w.class = p_class for update;

    if not found then
        insert into core.rate_limits (api_key_id, class, last_slot, total, slots)
        values (v_key.id, p_class, 0, 0, array_fill(0, array[61]))
        on conflict do nothing;

        select w.* into v_window from core.rate_limits w where w.api_key_id = v_key.id and w.class = p_class for update;
    end if;

    -- The clock is read again under the lock: slots never run backwards, unless the clock was set
    -- back for good.
    v_now := core.now();
    slot := floor(extract(epoch from v_now) / v_slot_seconds);
    if v_window.last_slot between slot and slot + 60 then
        slot := v_window.last_slot;
    end if;

    slot_left := (slot + 1) * v_slot_seconds - extract(epoch from v_now);

    if slot not between v_window.last_slot and v_window.last_slot + 60 then
        v_window.slots := array_fill(0, array[61]);
        v_window.total := 0;
    else
        for v_step in 1 .. slot - v_window.last_slot loop
            v_element := (v_window.last_slot + v_step) % 61 + 1;
            v_window.total := v_window.total - v_window.slots[v_element];
            v_window.slots[v_element] := 0;
        end loop;
    end if;

    if p_unused > 0 and p_unused_slot between slot - 60 and slot then
        v_element := p_unused_slot % 61 + 1;
        v_unused := least(p_unused, v_window.slots[v_element]);
        v_window.total := v_window.total - v_unused;
        v_window.slots[v_element] := v_window.slots[v_element] - v_unused;
    end if;

    admitted := greatest(least(p_requests, rate_limit - v_window.total), 0);

    if admitted > 0 or v_unused > 0 then
        v_window.slots[slot % 61 + 1] := v_window.slots[slot % 61 + 1] + admitted;
        v_window.total := v_window.total + admitted;

        update core.rate_limits w
        set last_slot = slot, total = v_window.total, slots = v_window.slots
        where w.api_key_id = v_key.id and w.class = p_class;
    end if;

    remaining := greatest(rate_limit - v_window.total, 0);
    v_used := v_window.total;

    -- Slots leave the window one by one, the oldest first: what becomes free when?
    for v_age in reverse 60 .. 0 loop
        v_element := (slot - v_age) % 61 + 1;
        continue when v_window.slots[v_element] = 0;
        v_used := v_used - v_window.slots[v_element];
        reset_after := ceil((slot - v_age + 61) * v_slot_seconds - extract(epoch from v_now));
        if admitted < p_requests and retry_after is null and v_used < rate_limit then
            retry_after := reset_after;
        end if;
        exit when v_used = 0;
    end loop;
end
$$;

comment on function api.admit(bytea, text, integer, integer, bigint) is 'Authenticates an API key and counts requests against its sliding window.';
revoke all on function api.admit(bytea, text, integer, integer, bigint) from public;
grant execute on function api.admit(bytea, text, integer, integer, bigint) to pm_api;
