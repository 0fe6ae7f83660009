-- api.export_head(request): the beginning of an export, up to the opening bracket of its locations.
--
-- p_request: {"device_id"}; the device may be inactive. An export is this text, then the points of all pages of
-- api.export_page, separated by commas, then ], "location_count": n}, all read in one transaction at REPEATABLE READ: one
-- snapshot, whatever is uploaded meanwhile. As in the listing, a location past its retention does not show, cleaned up
-- or not.
-- Errors: PT400, PT404.

create function api.export_head(p_request jsonb) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_head json;
begin
    perform core.require_valid(core.device_id_errors(p_request));

    select json_build_object(
        'device', json_build_object(
            'device_id', d.device_id,
            'display_name', d.display_name,
            'group_id', d.group_id,
            'platform', d.platform,
            'fcm_token', d.fcm_token,
            'active', d.active,
            'last_seen_at', core.rfc3339(d.last_seen_at),
            'last_location', l.last_location::json,
            'created_at', core.rfc3339(d.created_at),
            'updated_at', core.rfc3339(d.updated_at)),
        'retention_days', s.location_retention_days,
        'export_timestamp', core.rfc3339(core.now()))
    into v_head
    from core.devices d
    join core.devices_with_last_location l using (device_id)
    cross join core.settings s
    where d.device_id = core.parse_uuid(p_request ->> 'device_id');

    if not found then
        raise exception using errcode = 'PT404', message = 'Device not found.';
    end if;
    return left(v_head::text, -1) || ', "locations" : [';
end
$$;

comment on function api.export_head(jsonb) is 'The beginning of an export, up to the opening bracket of its locations.';
revoke all on function api.export_head(jsonb) from public;
grant execute on function api.export_head(jsonb) to pm_api;
