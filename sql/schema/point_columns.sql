-- Points of uploads, read and valid: a column each, all of the same length.
--
-- Arrays, because they are passed between functions and unnested into an INSERT without being read again.

create type core.point_columns as (
    request       integer[],
    captured_at   timestamptz[],
    latitude      core.latitude[],
    longitude     core.longitude[],
    altitude      core.altitude[],
    accuracy      core.accuracy[],
    bearing       core.bearing[],
    speed         core.speed[],
    battery_level core.battery_level[],
    provider      text[],
    network_type  text[]
);

comment on type core.point_columns is 'Points of uploads, read and valid: a column each.';
comment on column core.point_columns.request is 'Which of the requests a point came with, from 1';
