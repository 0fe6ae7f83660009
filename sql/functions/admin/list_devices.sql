-- admin.list_devices(…): devices, those of a group or those that a search finds. No positions: see admin.recent_points.
--
-- Example:
--   select * from admin.list_devices(p_group_id => 'family');
--   select * from admin.list_devices(p_search => 'anna');
--   select * from admin.list_devices(p_active => false, p_limit => 10);
--   select * from admin.list_devices(p_after => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--
-- p_search: part of the name, in any case, or the start of the id. p_active: only active (true) or inactive (false) ones.
-- p_after: the last device of the page before. Sorted by group, active ones first, then by name.
-- Within a group it reads that group's devices only; without one it reads all.
-- Errors: PT400 for p_limit, PT404 where p_after is unknown.

create function admin.list_devices(
    p_group_id text default null,
    p_search text default null,
    p_active boolean default null,
    p_after uuid default null,
    p_limit integer default 50
)
returns table (
    device_id uuid, display_name text, group_id text, platform text, status text, last_seen_at timestamptz,
    last_captured_at timestamptz, created_at timestamptz, updated_at timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_search text := lower(p_search);
    v_after  core.devices;
begin
    perform core.require_page_size(p_limit);

    if p_after is not null then
        select d.* into v_after from core.devices d where d.device_id = p_after;
        if not found then
            raise exception using
                errcode = 'PT404',
                message = format('There is no device %s to go on after.', p_after),
                hint = 'p_after is the device_id of the last row of the page before; leave it out for the first page.';
        end if;
    end if;

    return query
    select
        d.device_id, d.display_name::text, d.group_id::text, d.platform::text,
        case when d.active then 'active' else 'inactive' end,
        date_trunc('second', d.last_seen_at), date_trunc('second', d.last_captured_at),
        date_trunc('second', d.created_at), date_trunc('second', d.updated_at)
    from core.devices d
    where (p_group_id is null or d.group_id = p_group_id)
        and (p_active is null or d.active = p_active)
        and (
            v_search is null
            or position(v_search in lower(d.display_name collate "default")) > 0
            or starts_with(d.device_id::text, v_search))
        and (
            p_after is null
            or (d.group_id, not d.active, d.display_name, d.device_id)
                > (v_after.group_id, not v_after.active, v_after.display_name, v_after.device_id))
    order by d.group_id, d.active desc, d.display_name, d.device_id
    limit p_limit;
end
$$;

comment on function admin.list_devices(text, text, boolean, uuid, integer) is 'Lists the devices of a group, or those that a search finds.';
revoke all on function admin.list_devices(text, text, boolean, uuid, integer) from public;
grant execute on function admin.list_devices(text, text, boolean, uuid, integer) to pm_admin;
