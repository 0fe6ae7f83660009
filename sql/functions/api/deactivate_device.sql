-- api.deactivate_device(request): soft delete. The device leaves the listing and frees its place; its data stay.
--
-- p_request: {"device_id"}. Answer: none (null).
-- Locks: the device's row. Errors: PT400; PT404 where it is unknown or already inactive.

create function api.deactivate_device(p_request jsonb) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_valid(core.device_id_errors(p_request));

    update core.devices d
    set active = false, updated_at = core.now()
    where d.device_id = core.parse_uuid(p_request ->> 'device_id') and d.active;

    if not found then
        raise exception using errcode = 'PT404', message = 'Device not found.';
    end if;
    return null;
end
$$;

comment on function api.deactivate_device(jsonb) is 'Soft delete: the device leaves the listing and frees its place; its data stay.';
revoke all on function api.deactivate_device(jsonb) from public;
grant execute on function api.deactivate_device(jsonb) to pm_api;
