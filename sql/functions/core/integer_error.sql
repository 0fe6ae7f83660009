-- core.integer_error(value, required, message): what is wrong with an integer of a request, range aside.
--
-- As in JSON Schema, 5.0 is an integer and 5.5 is not.

create function core.integer_error(p_value jsonb, p_required boolean, p_message text) returns text
language sql immutable
return case jsonb_typeof(p_value)
    when 'number' then case when p_value::numeric = trunc(p_value::numeric) then null else p_message end
    when 'null' then case when p_required then 'is required' end
    else case when p_value is not null then p_message when p_required then 'is required' end
end;

comment on function core.integer_error(jsonb, boolean, text) is
    'Null for an integer or an absent optional one, else what is wrong.';
revoke all on function core.integer_error(jsonb, boolean, text) from public;
