-- core.require_api_key(id): the API key of that id, its row locked; refuses an unknown one.
--
-- Errors: PT404.

create function core.require_api_key(p_id bigint) returns core.api_keys
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_key core.api_keys;
begin
    select k.* into v_key from core.api_keys k where k.id = p_id for no key update;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format('There is no API key %s.', coalesce(p_id::text, 'null')),
            hint = 'select * from admin.list_api_keys();';
    end if;
    return v_key;
end
$$;

comment on function core.require_api_key(bigint) is 'The API key of that id, its row locked; refuses an unknown one.';
revoke all on function core.require_api_key(bigint) from public;
