-- core.group_listing(group): the active devices of a group, each with its last location, as JSON text.
--
-- {"devices": [{"device_id", "display_name", "last_location", "last_seen_at"}]}, by name, then by id. An unknown group
-- has none. Reads the group's devices through one index, in its order, and nothing else but the one row of settings.

create function core.group_listing(p_group text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select '{"devices" : [' || coalesce(string_agg(l.device, ', '), '') || ']}'
        from (
            select format(
                '{"device_id" : "%s", "display_name" : %s, "last_location" : %s, "last_seen_at" : "%s"}',
                d.device_id,
                to_json(d.display_name::text),
                coalesce(d.last_location, 'null'),
                core.rfc3339(d.last_seen_at)) as device
            from core.devices_with_last_location d
            where d.group_id = p_group and d.active
            order by d.display_name, d.device_id
        ) l);
end
$$;

comment on function core.group_listing(text) is 'The active devices of a group, each with its last location, as JSON text.';
revoke all on function core.group_listing(text) from public;
