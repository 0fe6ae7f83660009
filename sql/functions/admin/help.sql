-- admin.help(): what an operator can do, one line a function. Arguments in brackets may be left out.
--
-- Example:
--   select * from admin.help();

create function admin.help() returns table (call text, description text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        case p.prokind when 'p' then 'call ' else '' end || format(
            '%I.%I(%s)', n.nspname, p.proname,
            concat_ws(
                ', ',
                nullif(array_to_string(p.proargnames[1:p.pronargs - p.pronargdefaults], ', '), ''),
                '[' || nullif(array_to_string(p.proargnames[p.pronargs - p.pronargdefaults + 1:p.pronargs], ', '), '') || ']')),
        obj_description(p.oid, 'pg_proc')
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'admin' or (n.nspname = 'jobs' and p.prokind = 'p')
    order by n.nspname, p.proname;
end
$$;

comment on function admin.help() is 'Lists what an operator can do; \df admin.* shows the types of arguments.';
revoke all on function admin.help() from public;
grant execute on function admin.help() to pm_admin;
