-- core.registration_errors(request): all that is wrong with a registration.

create function core.registration_errors(p_request jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_display_name text := p_request ->> 'display_name';
begin
    return core.device_id_errors(p_request)
        || core.field_error('display_name', case
            when v_display_name is null then 'is required'
            when jsonb_typeof(p_request -> 'display_name') <> 'string'
                or char_length(core.trim_blanks(v_display_name)) not between 2 and 50
                then 'must be a string of 2 to 50 characters, blanks at its ends not counted'
        end)
        || core.group_id_errors(p_request)
        || core.field_error('platform',
            core.string_error(p_request -> 'platform', false, 1, 20, 'must be a string of 1 to 20 characters'))
        || core.field_error('fcm_token',
            core.string_error(p_request -> 'fcm_token', false, 0, 4096, 'must be null or a string of at most 4096 characters'));
end
$$;

comment on function core.registration_errors(jsonb) is 'All that is wrong with a registration, as a JSON array of {field, message}.';
revoke all on function core.registration_errors(jsonb) from public;
