-- core.require_valid(errors): refuses a request that has errors.
--
-- p_errors: a JSON array of {field, message}; it becomes the DETAIL of the error.
-- Errors: PT400.

create function core.require_valid(p_errors jsonb) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_errors <> '[]' then
        raise exception using
            errcode = 'PT400',
            message = 'The request has invalid fields.',
            detail = p_errors::text;
    end if;
end
$$;

comment on function core.require_valid(jsonb) is 'Refuses a request with errors; they become the DETAIL of the exception.';
revoke all on function core.require_valid(jsonb) from public;
