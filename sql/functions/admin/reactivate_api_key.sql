-- admin.reactivate_api_key(id): a deactivated key is accepted again.
--
-- Example:
--   select admin.reactivate_api_key(p_id => 3);
--
-- Returns what was done. Errors: PT404; PT409 where it is active already, or has expired. Audited.

create function admin.reactivate_api_key(p_id bigint) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key core.api_keys := core.require_api_key(p_id);
begin
    if v_key.is_active then
        raise exception using
            errcode = 'PT409',
            message = format('API key %s (%s) is active already.', v_key.id, v_key.name);
    elsif v_key.expires_at <= core.now() then
        raise exception using
            errcode = 'PT409',
            message = format('API key %s (%s) expired at %s.', v_key.id, v_key.name, core.rfc3339(v_key.expires_at)),
            hint = 'Make a new one: select * from admin.create_api_key(p_name => ''…'');';
    end if;

    update core.api_keys k set is_active = true where k.id = p_id;
    perform core.audit('reactivate_api_key', 'api_key', p_id::text, jsonb_build_object('name', v_key.name));
    return format('API key %s (%s) is active.', v_key.id, v_key.name);
end
$$;

comment on function admin.reactivate_api_key(bigint) is 'Accepts a deactivated API key again.';
revoke all on function admin.reactivate_api_key(bigint) from public;
grant execute on function admin.reactivate_api_key(bigint) to pm_admin;
