-- core.partition_name(day): the qualified name of the partition of a UTC day.

create function core.partition_name(p_day date) returns text
language sql stable
return 'core.locations_' || to_char(p_day, 'YYYYMMDD');

comment on function core.partition_name(date) is 'The qualified name of the partition of a UTC day.';
revoke all on function core.partition_name(date) from public;
