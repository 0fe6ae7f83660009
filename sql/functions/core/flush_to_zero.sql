-- core.flush_to_zero(number): the number, or 0 where it is too small for a float4.
--
-- PostgreSQL refuses to convert such a number; a contract of metres and degrees takes it for 0.

create function core.flush_to_zero(p_number float8) returns float8
language sql immutable
return case when p_number between -1e-37 and 1e-37 then 0 else p_number end;

comment on function core.flush_to_zero(float8) is 'The number, or 0 where it is too small for a float4.';
revoke all on function core.flush_to_zero(float8) from public;
