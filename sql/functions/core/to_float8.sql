-- core.to_float8(number): a number of a request as float8, to 60 places.
--
-- PostgreSQL refuses to convert what is too small for the type; rounded, that is 0.

create function core.to_float8(p_number numeric) returns float8
language sql immutable
return round(p_number, 60)::float8;

comment on function core.to_float8(numeric) is 'The number as float8, to 60 places.';
revoke all on function core.to_float8(numeric) from public;
