-- admin.expire_api_key(…): sets the time from which a key is refused; by default now. Null: it never expires.
--
-- Example:
--   select admin.expire_api_key(p_id => 3);
--   select admin.expire_api_key(p_id => 3, p_expires_at => '2030-01-01');
--
-- Returns what was done. Errors: PT404. Audited.

create function admin.expire_api_key(p_id bigint, p_expires_at timestamptz default now()) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key core.api_keys := core.require_api_key(p_id);
begin
    if p_expires_at in ('infinity', '-infinity') then
        raise exception using
            errcode = 'PT400',
            message = 'p_expires_at must be a time, or null for never.';
    end if;

    update core.api_keys k set expires_at = p_expires_at where k.id = p_id;
    perform core.audit('expire_api_key', 'api_key', p_id::text, jsonb_build_object('old', v_key.expires_at, 'new', p_expires_at));
    return format('API key %s (%s) ', v_key.id, v_key.name)
        || coalesce('expires at ' || core.rfc3339(p_expires_at), 'never expires') || '.';
end
$$;

comment on function admin.expire_api_key(bigint, timestamptz) is 'Sets the time from which an API key is refused.';
revoke all on function admin.expire_api_key(bigint, timestamptz) from public;
grant execute on function admin.expire_api_key(bigint, timestamptz) to pm_admin;
