-- core.find_replay(context, endpoint, request): the stored answer of a repeated request, else null.
--
-- p_context: {"api_key_id", "idempotency_key"}, the latter the hexadecimal SHA-256 of the header; without it
-- there is nothing to replay.
-- Locks: the idempotency key, first of all locks, until the end of the transaction: a second request with the
-- same key waits here until the first has stored its answer or failed. Runs at READ COMMITTED, so that it then
-- sees that answer.
-- Errors: PT422 where the key came with another request.

create function core.find_replay(p_context jsonb, p_endpoint text, p_request jsonb) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_api_key_id bigint := (p_context ->> 'api_key_id')::bigint;
    v_key_hash   bytea := decode(p_context ->> 'idempotency_key', 'hex');
    v_stored     record;
begin
    if v_key_hash is null then
        return null;
    end if;

    perform core.lock_name('idempotency key', concat_ws(' ', v_api_key_id, p_endpoint, p_context ->> 'idempotency_key'));

    select i.request_hash, i.answer
    into v_stored
    from core.idempotency_keys i
    cross join core.settings s
    where i.api_key_id = v_api_key_id
        and i.endpoint = p_endpoint
        and i.key_hash = v_key_hash
        and i.created_at > core.now() - make_interval(hours => s.idempotency_ttl_hours);

    if v_stored.request_hash <> core.fingerprint(p_request) then
        raise exception using
            errcode = 'PT422',
            message = 'This Idempotency-Key was used for another request.',
            hint = 'Send a new key with a new request, and the old body with the old key.';
    end if;
    return v_stored.answer;
end
$$;

comment on function core.find_replay(jsonb, text, jsonb) is 'The stored answer of a repeated request, else null; holds the key''s lock until commit.';
revoke all on function core.find_replay(jsonb, text, jsonb) from public;
