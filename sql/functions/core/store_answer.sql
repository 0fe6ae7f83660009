-- core.store_answer(context, endpoint, request, device, answer): keeps an answer for the repetition of its request.
--
-- Does nothing without an idempotency key. The caller holds the key's lock (core.find_replay), so a row that is
-- there has expired and is overwritten.

create function core.store_answer(p_context jsonb, p_endpoint text, p_request jsonb, p_device_id uuid, p_answer json) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_context ->> 'idempotency_key' is null then
        return;
    end if;

    insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
    values (
        (p_context ->> 'api_key_id')::bigint, p_endpoint, decode(p_context ->> 'idempotency_key', 'hex'),
        core.fingerprint(p_request), p_device_id, p_answer, core.now())
    on conflict (api_key_id, endpoint, key_hash) do update
    set request_hash = excluded.request_hash,
        device_id = excluded.device_id,
        answer = excluded.answer,
        created_at = excluded.created_at;
end
$$;

comment on function core.store_answer(jsonb, text, jsonb, uuid, json) is 'Keeps an answer for the repetition of its request.';
revoke all on function core.store_answer(jsonb, text, jsonb, uuid, json) from public;
