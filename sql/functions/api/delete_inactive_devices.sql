-- api.delete_inactive_devices(request, context): removes, with their data, devices that are inactive and unchanged for so long.
--
-- p_request: {"older_than_days"}, 1 to 3650, as the text of the query. p_context: see core.audit.
-- Answer: {"success", "affected_count"}; a count of 0 says that none is left, for a call removes as many as it can in ten seconds.
-- Locks: the devices' rows, then their points and stored answers. Errors: PT400. Audited.

create function api.delete_inactive_devices(p_request jsonb, p_context jsonb default '{}') returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_days text := p_request ->> 'older_than_days';
begin
    perform core.require_valid(core.field_error('older_than_days', case
        when v_days is null then 'is required'
        when v_days !~ '^[0-9]{1,4}$' then 'must be an integer from 1 to 3650'
    end));

    return (
        select json_build_object('success', true, 'affected_count', d.deleted)
        from core.delete_inactive_devices(v_days::integer, p_context) d);
end
$$;

comment on function api.delete_inactive_devices(jsonb, jsonb) is 'Removes, with their data, devices that are inactive and unchanged for so many days.';
revoke all on function api.delete_inactive_devices(jsonb, jsonb) from public;
grant execute on function api.delete_inactive_devices(jsonb, jsonb) to pm_api;
