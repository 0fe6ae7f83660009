-- core.to_float8(number): a number that passed validation as float8.
--
-- PostgreSQL refuses what is too small for the type; a contract of metres and degrees takes it for 0.
-- 1e-37 keeps a later cast to float4 clear of that error too.

create function core.to_float8(p_number numeric) returns float8
language sql immutable
return case when p_number between -1e-37 and 1e-37 then 0 else p_number::float8 end;

comment on function core.to_float8(numeric) is 'The number as float8; what is too small for float4 becomes 0.';
revoke all on function core.to_float8(numeric) from public;
