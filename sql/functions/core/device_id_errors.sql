-- core.device_id_errors(request): what is wrong with the field device_id.

create function core.device_id_errors(p_request jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(p_request -> 'device_id', 'null') = 'null' then
        return core.field_error('device_id', 'is required');
    elsif jsonb_typeof(p_request -> 'device_id') <> 'string' or core.parse_uuid(p_request ->> 'device_id') is null then
        return core.field_error('device_id', 'must be a UUID');
    end if;
    return jsonb '[]';
end
$$;

comment on function core.device_id_errors(jsonb) is 'What is wrong with the field device_id, as a JSON array of {field, message}.';
revoke all on function core.device_id_errors(jsonb) from public;
