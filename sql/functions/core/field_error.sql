-- core.field_error(field, message): one entry of an error's details as an array, empty where the message is null.

create function core.field_error(p_field text, p_message text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_message is null then
        return jsonb '[]';
    end if;
    return jsonb_build_array(jsonb_build_object('field', p_field, 'message', p_message));
end
$$;

comment on function core.field_error(text, text) is 'A JSON array of one {field, message}, empty where the message is null.';
revoke all on function core.field_error(text, text) from public;
