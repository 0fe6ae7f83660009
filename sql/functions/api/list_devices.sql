-- api.list_devices(request): the active devices of a group, each with its last location.
--
-- p_request: {"group_id"}. Answer: JSON, see core.group_listing; as text, for a cast would only read it once more.
--
-- Errors: PT400.

create function api.list_devices(p_request jsonb) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_valid(core.group_id_errors(p_request));

    return core.group_listing(p_request ->> 'group_id');
end
$$;

comment on function api.list_devices(jsonb) is 'The active devices of a group, each with its last location.';
revoke all on function api.list_devices(jsonb) from public;
grant execute on function api.list_devices(jsonb) to pm_api;
