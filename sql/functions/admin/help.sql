-- admin.help(): what an operator can do, one line a function.
--
-- Example:
--   select * from admin.help();

create function admin.help() returns table (call text, description text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        case p.prokind when 'p' then 'call ' else '' end
            || format('%I.%I(%s)', n.nspname, p.proname, a.arguments),
        obj_description(p.oid, 'pg_proc')
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join lateral regexp_replace(
        regexp_replace(pg_get_function_arguments(p.oid), '(, )?OUT .*|::[a-z ]+', '', 'g'),
        'timestamp with time zone', 'timestamptz', 'g') a(arguments)
    where n.nspname = 'admin' or (n.nspname = 'jobs' and p.prokind = 'p')
    order by n.nspname, p.proname;
end
$$;

comment on function admin.help() is 'Lists what an operator can do, one line a function.';
revoke all on function admin.help() from public;
grant execute on function admin.help() to pm_admin;
