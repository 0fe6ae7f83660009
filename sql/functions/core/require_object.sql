-- core.require_object(request): refuses a request that is no JSON object.
--
-- Errors: PT400.

create function core.require_object(p_request jsonb) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(jsonb_typeof(p_request), '') <> 'object' then
        raise exception using
            errcode = 'PT400',
            message = 'The request body must be a JSON object.';
    end if;
end
$$;

comment on function core.require_object(jsonb) is 'Refuses a request that is no JSON object.';
revoke all on function core.require_object(jsonb) from public;
