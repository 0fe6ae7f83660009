-- admin.list_groups(…): groups with the numbers of their devices, by name.
--
-- Example:
--   select * from admin.list_groups();
--   select * from admin.list_groups(p_prefix => 'fam', p_limit => 10);
--   select * from admin.list_groups(p_after => 'family');
--
-- p_prefix: how names begin. p_after: the last group of the page before. A group whose devices all were erased is none.
-- Reads the devices of the groups it shows, and no others. Errors: PT400 for p_limit.

create function admin.list_groups(p_prefix text default '', p_after text default null, p_limit integer default 50)
returns table (group_id text, active_devices bigint, free_places bigint, inactive_devices bigint, last_seen_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_maximum bigint := (select s.max_devices_per_group from core.settings s);
begin
    perform core.require_page_size(p_limit);

    return query
    select
        d.group_id::text,
        count(*) filter (where d.active),
        greatest(v_maximum - count(*) filter (where d.active), 0),
        count(*) filter (where not d.active),
        date_trunc('second', max(d.last_seen_at))
    from core.devices d
    where d.group_id between coalesce(p_prefix, '') and coalesce(p_prefix, '') || '~'  -- sorts after all that a name may hold
        and d.group_id > coalesce(p_after, '')
    group by d.group_id
    order by d.group_id
    limit p_limit;
end
$$;

comment on function admin.list_groups(text, text, integer) is 'Lists groups with the numbers of their devices, by name.';
revoke all on function admin.list_groups(text, text, integer) from public;
grant execute on function admin.list_groups(text, text, integer) to pm_admin;
