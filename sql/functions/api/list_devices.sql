-- api.list_devices(request): the active devices of a group, each with its last location.
--
-- p_request: {"group_id"}.
-- Answer: {"devices": [{"device_id", "display_name", "last_location", "last_seen_at"}]}, by name, then by id. An
-- unknown group has none.
--
-- Reads the group's devices through one index, and nothing else. Errors: PT400.

create function api.list_devices(p_request jsonb) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_valid(core.group_id_errors(p_request));

    return json_build_object('devices', coalesce(
        (
            select json_agg(
                json_build_object(
                    'device_id', d.device_id,
                    'display_name', d.display_name,
                    'last_location', d.last_location,
                    'last_seen_at', core.rfc3339(d.last_seen_at))
                order by d.display_name, d.device_id)
            from core.devices_with_last_location d
            where d.group_id = p_request ->> 'group_id' and d.active
        ),
        '[]'));
end
$$;

comment on function api.list_devices(jsonb) is 'The active devices of a group, each with its last location.';
revoke all on function api.list_devices(jsonb) from public;
grant execute on function api.list_devices(jsonb) to pm_api;
