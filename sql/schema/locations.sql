-- GPS points, a partition per UTC day of capture: retention drops whole days.
--
-- A point is its (device, capture time), hence the primary key; there is no surrogate id.
-- varchar(50) rather than text with a CHECK spares each partition a TOAST table.

create table core.locations (
    device_id     uuid not null references core.devices on delete cascade,
    captured_at   timestamptz not null,
    created_at    timestamptz not null default now(),
    latitude      float8 not null constraint latitude_range check (latitude between -90 and 90),
    longitude     float8 not null constraint longitude_range check (longitude between -180 and 180),
    altitude      float8 constraint altitude_finite check (altitude > '-infinity' and altitude < 'infinity'),
    accuracy      float4 not null constraint accuracy_range check (accuracy >= 0 and accuracy < 'infinity'),
    bearing       float4 constraint bearing_range check (bearing between 0 and 360),
    speed         float4 constraint speed_range check (speed >= 0 and speed < 'infinity'),
    battery_level smallint constraint battery_level_range check (battery_level between 0 and 100),
    provider      varchar(50),
    network_type  varchar(50),
    primary key (device_id, captured_at)
) partition by range (captured_at);

-- Catches points of days that have no partition yet; jobs.ensure_partitions moves them home.
create table core.locations_default partition of core.locations default;

comment on table core.locations is 'GPS points, partitioned by UTC day of capture, named locations_YYYYMMDD';
comment on table core.locations_default is 'Points of days without a partition; normally empty';
comment on column core.locations.captured_at is 'When the phone measured the point';
comment on column core.locations.created_at is 'When the point was stored';
comment on column core.locations.latitude is 'Degrees, WGS 84';
comment on column core.locations.longitude is 'Degrees, WGS 84';
comment on column core.locations.altitude is 'Metres';
comment on column core.locations.accuracy is 'Metres';
comment on column core.locations.bearing is 'Degrees clockwise from north';
comment on column core.locations.speed is 'Metres per second';
comment on column core.locations.battery_level is 'Per cent';
comment on column core.locations.provider is 'Source of the point, as the client names it (gps, network, fused)';
comment on column core.locations.network_type is 'Network of the phone, as the client names it';
