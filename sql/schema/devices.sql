-- Devices, each with its last location, so that listing a group reads its devices and nothing else.
--
-- An upload changes last_seen_at and the last_* columns: none of them may be in an index, so that the
-- update stays HOT (heap-only). fillfactor leaves room on the page for the next version of the row.

create table core.devices (
    device_id          uuid primary key,
    display_name       text collate "C" not null
                       check (char_length(display_name) between 2 and 50 and display_name = core.trim_blanks(display_name)),
    group_id           text collate "C" not null check (group_id ~ '^[A-Za-z0-9_-]{2,50}$'),
    platform           text not null default 'android' check (char_length(platform) between 1 and 20),
    fcm_token          text check (char_length(fcm_token) <= 4096),
    active             boolean not null default true,
    last_seen_at       timestamptz not null default now(),
    last_captured_at   timestamptz,
    last_latitude      float8 check (last_latitude between -90 and 90),
    last_longitude     float8 check (last_longitude between -180 and 180),
    last_altitude      float8 check (last_altitude > '-infinity' and last_altitude < 'infinity'),
    last_accuracy      float4 check (last_accuracy >= 0 and last_accuracy < 'infinity'),
    last_bearing       float4 check (last_bearing between 0 and 360),
    last_speed         float4 check (last_speed >= 0 and last_speed < 'infinity'),
    last_battery_level smallint check (last_battery_level between 0 and 100),
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    constraint last_location_whole check (num_nulls(last_captured_at, last_latitude, last_longitude, last_accuracy) in (0, 4))
) with (fillfactor = 60);

-- Serves the listing of a group in its order, and the count of its active devices.
create index devices_group_listing on core.devices (group_id, display_name, device_id) where active;

comment on table core.devices is 'Phones: registration data, liveness and last location';
comment on column core.devices.display_name is 'Sorted by code point (collation C), so that every installation lists in the same order';
comment on column core.devices.platform is 'Operating system as the client names it';
comment on column core.devices.fcm_token is 'Firebase Cloud Messaging registration token';
comment on column core.devices.active is 'False after a soft delete: not listed, no uploads, data kept until retention or erasure';
comment on column core.devices.last_seen_at is 'Last registration or upload';
comment on column core.devices.last_captured_at is 'Capture time of the newest point; null: none within retention';
comment on column core.devices.last_latitude is 'Degrees, WGS 84';
comment on column core.devices.last_longitude is 'Degrees, WGS 84';
comment on column core.devices.last_altitude is 'Metres';
comment on column core.devices.last_accuracy is 'Metres';
comment on column core.devices.last_bearing is 'Degrees clockwise from north';
comment on column core.devices.last_speed is 'Metres per second';
comment on column core.devices.last_battery_level is 'Per cent';
comment on column core.devices.updated_at is 'Last change of the registration''s data; uploads do not touch it';
