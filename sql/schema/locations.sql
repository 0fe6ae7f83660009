-- GPS points, a partition per UTC day of capture: retention drops whole days.
--
-- A point is its (device, capture time), hence the primary key; there is no surrogate id.
-- varchar(50) rather than text with a rule spares each partition a TOAST table.

create table core.locations (
    device_id     uuid not null references core.devices on delete cascade,
    captured_at   timestamptz not null,
    created_at    timestamptz not null default now(),
    latitude      core.latitude not null,
    longitude     core.longitude not null,
    altitude      core.altitude,
    accuracy      core.accuracy not null,
    bearing       core.bearing,
    speed         core.speed,
    battery_level core.battery_level,
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
comment on column core.locations.provider is 'Source of the point, as the client names it (gps, network, fused)';
comment on column core.locations.network_type is 'Network of the phone, as the client names it';
