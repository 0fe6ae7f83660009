-- api.erase_device(request, context): removes a device, its locations and its stored answers, all in one transaction.
--
-- p_request: {"device_id"}; the device may be inactive. p_context: see core.audit. Answer: none (null).
-- Locks: the device's row, then its points and stored answers. Errors: PT400, PT404. Audited.

create function api.erase_device(p_request jsonb, p_context jsonb default '{}') returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_valid(core.device_id_errors(p_request));
    perform core.erase_device(core.parse_uuid(p_request ->> 'device_id'), p_context);
    return null;
end
$$;

comment on function api.erase_device(jsonb, jsonb) is 'Removes a device, its locations and its stored answers.';
revoke all on function api.erase_device(jsonb, jsonb) from public;
grant execute on function api.erase_device(jsonb, jsonb) to pm_api;
