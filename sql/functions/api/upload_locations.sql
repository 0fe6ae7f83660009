-- api.upload_locations(request, context): stores a batch of points, all or none.
--
-- p_request: {"device_id", "locations": [1 to max_batch_size points]}. p_context: see core.find_replay.
-- Answer: {"success", "processed_count", "duplicate_count"?}; replayed: it is the stored answer of a repeated request;
-- counted: how many points were new.
--
-- Locks: the idempotency key, then the device's row, then the points.
-- Errors: PT400, PT404, PT422.

create function api.upload_locations(
    p_request jsonb, p_context jsonb default '{}', out answer json, out replayed boolean, out counted integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_device_id uuid;
    v_errors    jsonb;
    v_points    core.point_columns;
begin
    answer := core.find_replay(p_context, 'upload_locations', p_request);
    replayed := answer is not null;
    counted := 0;
    if replayed then
        return;
    end if;

    perform core.require_object(p_request);
    v_errors := core.field_error('locations', core.batch_error(p_request));
    if v_errors <> '[]' then
        perform core.require_valid(core.device_id_errors(p_request) || v_errors);
    end if;
    v_points := core.parse_points(p_request -> 'locations', 'locations', core.device_id_errors(p_request));
    v_device_id := core.parse_uuid(p_request ->> 'device_id');

    select s.answer, s.counted into answer, counted from core.store_locations(v_device_id, v_points) s;
    perform core.store_answer(p_context, 'upload_locations', p_request, v_device_id, answer);
end
$$;

comment on function api.upload_locations(jsonb, jsonb) is 'Stores a batch of points, all or none.';
revoke all on function api.upload_locations(jsonb, jsonb) from public;
grant execute on function api.upload_locations(jsonb, jsonb) to pm_api;
