-- core.group_id_errors(request): what is wrong with the field group_id.

create function core.group_id_errors(p_request jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(p_request -> 'group_id', 'null') = 'null' then
        return core.field_error('group_id', 'is required');
    elsif jsonb_typeof(p_request -> 'group_id') <> 'string' or (p_request ->> 'group_id') !~ '^[A-Za-z0-9_-]{2,50}$' then
        return core.field_error('group_id', 'must be 2 to 50 letters, digits, hyphens or underscores');
    end if;
    return jsonb '[]';
end
$$;

comment on function core.group_id_errors(jsonb) is 'What is wrong with the field group_id, as a JSON array of {field, message}.';
revoke all on function core.group_id_errors(jsonb) from public;
