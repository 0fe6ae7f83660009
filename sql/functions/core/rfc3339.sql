-- core.rfc3339(time): a time as the API writes it, RFC 3339 in UTC with milliseconds.

create function core.rfc3339(p_time timestamptz) returns text
language sql stable
return to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

comment on function core.rfc3339(timestamptz) is 'A time as the API writes it: RFC 3339, UTC, milliseconds.';
revoke all on function core.rfc3339(timestamptz) from public;
