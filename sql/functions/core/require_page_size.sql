-- core.require_page_size(limit): refuses a number of rows that an operator's list should not have.
--
-- Errors: PT400.

create function core.require_page_size(p_limit integer) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception using
            errcode = 'PT400',
            message = 'p_limit must be from 1 to 1000.',
            hint = 'The next rows come with p_after or p_before and a value of the last row: select * from admin.help();';
    end if;
end
$$;

comment on function core.require_page_size(integer) is 'Refuses a number of rows that an operator''s list should not have.';
revoke all on function core.require_page_size(integer) from public;
