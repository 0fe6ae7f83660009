-- core.string_error(value, required, from, to, message): what is wrong with a string of a request.
--
-- Lengths are in characters. Null for a string within the range and for an absent optional one.

create function core.string_error(p_value jsonb, p_required boolean, p_from integer, p_to integer, p_message text) returns text
language sql immutable
return case jsonb_typeof(p_value)
    when 'string' then case when char_length(p_value #>> '{}') between p_from and p_to then null else p_message end
    when 'null' then case when p_required then 'is required' end
    else case when p_value is not null then p_message when p_required then 'is required' end
end;

comment on function core.string_error(jsonb, boolean, integer, integer, text) is
    'Null for a string of allowed length or an absent optional one, else what is wrong.';
revoke all on function core.string_error(jsonb, boolean, integer, integer, text) from public;
