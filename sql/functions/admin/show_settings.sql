-- admin.show_settings(): the settings with their defaults, ranges and meanings.
--
-- Example:
--   select * from admin.show_settings();

create function admin.show_settings()
returns table (name text, value integer, default_value integer, allowed text, description text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        a.attname::text,
        (to_jsonb(s) ->> a.attname)::integer,
        pg_get_expr(d.adbin, d.adrelid)::integer,
        core.setting_range(a.attname),
        col_description(a.attrelid, a.attnum)
    from core.settings s
    cross join pg_catalog.pg_attribute a
    join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = 'core.settings'::regclass and a.attname <> 'only_row'
    order by a.attnum;
end
$$;

comment on function admin.show_settings() is 'Shows the settings with their defaults, ranges and meanings.';
revoke all on function admin.show_settings() from public;
grant execute on function admin.show_settings() to pm_admin;
