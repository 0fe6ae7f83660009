-- core.partition_day(name): the UTC day of a partition of core.locations; null for the default one, and any other table.

create function core.partition_day(p_name text) returns date
language sql stable
return case when p_name ~ '^locations_\d{8}$' then to_date(right(p_name, 8), 'YYYYMMDD') end;

comment on function core.partition_day(text) is 'The UTC day of a partition of core.locations, else null.';
revoke all on function core.partition_day(text) from public;
