-- core.number_error(value, required, from, to, message): what is wrong with a number of a request.
--
-- Null for a number within the range and for an absent (or JSON null) optional one; else a message. The number counts as it
-- would be stored: see core.to_float8 and core.flush_to_zero.

create function core.number_error(p_value jsonb, p_required boolean, p_from float8, p_to float8, p_message text) returns text
language sql immutable
return case jsonb_typeof(p_value)
    when 'number' then case
        when abs(p_value::numeric) > 1.797693134862315807e308 then p_message
        when core.flush_to_zero(core.to_float8(p_value::numeric)) between p_from and p_to then null
        else p_message
    end
    when 'null' then case when p_required then 'is required' end
    else case when p_value is not null then p_message when p_required then 'is required' end
end;

comment on function core.number_error(jsonb, boolean, float8, float8, text) is
    'Null for a number in range or an absent optional one, else what is wrong.';
revoke all on function core.number_error(jsonb, boolean, float8, float8, text) from public;
