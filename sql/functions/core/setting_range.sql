-- core.setting_range(name): the range of a setting as its CHECK says it: "1 to 1000".

create function core.setting_range(p_name text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select regexp_replace(pg_get_constraintdef(c.oid), '.*>= (\d+).*<= (\d+).*', '\1 to \2')
        from pg_catalog.pg_constraint c
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
        where c.conrelid = 'core.settings'::regclass and c.contype = 'c' and a.attname = p_name);
end
$$;

comment on function core.setting_range(text) is 'The range of a setting as its CHECK says it: 1 to 1000.';
revoke all on function core.setting_range(text) from public;
