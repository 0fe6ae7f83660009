-- admin.deactivate_api_key(id): the key is refused from now on, on every instance within 2 s.
--
-- Example:
--   select admin.deactivate_api_key(p_id => 3);
--
-- Returns what was done. Errors: PT404; PT409 where it is deactivated already. Audited.

create function admin.deactivate_api_key(p_id bigint) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key core.api_keys := core.require_api_key(p_id);
begin
    if not v_key.is_active then
        raise exception using
            errcode = 'PT409',
            message = format('API key %s (%s) is deactivated already.', v_key.id, v_key.name);
    end if;

    update core.api_keys k set is_active = false where k.id = p_id;
    perform core.audit('deactivate_api_key', 'api_key', p_id::text, jsonb_build_object('name', v_key.name));
    return format('API key %s (%s) is deactivated.', v_key.id, v_key.name);
end
$$;

comment on function admin.deactivate_api_key(bigint) is 'Refuses an API key from now on.';
revoke all on function admin.deactivate_api_key(bigint) from public;
grant execute on function admin.deactivate_api_key(bigint) to pm_admin;
