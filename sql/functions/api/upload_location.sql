-- api.upload_location(request, context): stores one point.
--
-- p_request: {"device_id", "timestamp", "latitude", "longitude", "accuracy", …}. p_context: see core.find_replay.
-- Answer: {"success", "processed_count", "duplicate_count"?}; replayed: it is the stored answer of a repeated request;
-- counted: how many points were new.
--
-- Locks: the idempotency key, then the device's row, then the point.
-- Errors: PT400, PT404, PT422.

create function api.upload_location(
    p_request jsonb, p_context jsonb default '{}', out answer json, out replayed boolean, out counted integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_device_id uuid;
    v_points    core.point_columns;
begin
    answer := core.find_replay(p_context, 'upload_location', p_request);
    replayed := answer is not null;
    counted := 0;
    if replayed then
        return;
    end if;

    perform core.require_object(p_request);
    v_points := core.parse_points(jsonb_build_array(p_request), null, core.device_id_errors(p_request));
    v_device_id := core.parse_uuid(p_request ->> 'device_id');

    select s.answer, s.counted into answer, counted from core.store_locations(v_device_id, v_points) s;
    perform core.store_answer(p_context, 'upload_location', p_request, v_device_id, answer);
end
$$;

comment on function api.upload_location(jsonb, jsonb) is 'Stores one point.';
revoke all on function api.upload_location(jsonb, jsonb) from public;
grant execute on function api.upload_location(jsonb, jsonb) to pm_api;
