-- admin.rotate_api_key(…): makes a successor of a key; the old one stays valid for a grace period.
--
-- Example:
--   select * from admin.rotate_api_key(p_id => 3);
--   select * from admin.rotate_api_key(p_id => 3, p_grace => interval '7 days');
--
-- The new key has the name, rights, limit and expiry of the old one, and is shown this once.
-- Errors: PT404; PT400 for a negative grace period; PT409 where the key is deactivated or expired. Audited.

create function admin.rotate_api_key(
    p_id bigint,
    p_grace interval default interval '24 hours',
    out id bigint,
    out api_key text,
    out name text,
    out old_key_valid_until timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key core.api_keys := core.require_api_key(p_id);
    v_now timestamptz := core.now();  -- read under the lock: another rotation may have ended the key meanwhile
begin
    if p_grace is null or p_grace < interval '0' or p_grace > interval '365 days' then
        raise exception using errcode = 'PT400', message = 'p_grace must be from 0 to 365 days.';
    elsif not v_key.is_active or v_key.expires_at <= v_now then
        raise exception using
            errcode = 'PT409',
            message = format('API key %s (%s) is not valid any more.', v_key.id, v_key.name),
            hint = 'Make a new one: select * from admin.create_api_key(p_name => ''…'');';
    end if;

    select n.id, n.api_key, n.name
    into id, api_key, name
    from admin.create_api_key(v_key.name, v_key.is_admin, v_key.rate_limit_per_minute, v_key.expires_at) n;

    update core.api_keys k
    set expires_at = least(k.expires_at, v_now + p_grace)
    where k.id = p_id
    returning k.expires_at into old_key_valid_until;

    perform core.audit('rotate_api_key', 'api_key', p_id::text, jsonb_build_object('successor', id, 'old_key_valid_until', old_key_valid_until));
end
$$;

comment on function admin.rotate_api_key(bigint, interval) is 'Makes a successor of an API key; the old one stays valid for a grace period.';
revoke all on function admin.rotate_api_key(bigint, interval) from public;
grant execute on function admin.rotate_api_key(bigint, interval) to pm_admin;
