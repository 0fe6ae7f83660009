-- Devices, each with its last location, so that listing a group reads its devices and nothing else.
--
-- An upload changes last_seen_at and the last_* columns: none of them may be in an index, so that the
-- update stays HOT (heap-only). fillfactor leaves room on the page for the next version of the row.

create table core.devices (
    device_id          uuid primary key,
    display_name       core.device_name not null,
    group_id           core.group_name not null,
    platform           core.platform not null default 'android',
    fcm_token          core.fcm_token,
    active             boolean not null default true,
    last_seen_at       timestamptz not null default now(),
    last_captured_at   timestamptz,
    last_latitude      core.latitude,
    last_longitude     core.longitude,
    last_altitude      core.altitude,
    last_accuracy      core.accuracy,
    last_bearing       core.bearing,
    last_speed         core.speed,
    last_battery_level core.battery_level,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
) with (fillfactor = 60);

-- Serves the listing of a group in its order, the count of its active devices, and operators, who see inactive ones too.
create index devices_group_listing on core.devices (group_id, active, display_name, device_id);

comment on table core.devices is 'Phones: registration data, liveness and last location';
comment on column core.devices.active is 'False after a soft delete: not listed, no uploads, data kept until retention or erasure';
comment on column core.devices.last_seen_at is 'Last registration or upload';
comment on column core.devices.last_captured_at is 'Capture time of the newest point, whose values are in the other last_ columns; null: none within retention';
comment on column core.devices.updated_at is 'Last change of the registration''s data; uploads do not touch it';
