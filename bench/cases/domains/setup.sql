-- Does it matter where the rules of single values stand, when a statement changes a column that has none?

create function trim_blanks(p_text text) returns text language sql immutable return btrim(p_text, E' \t\n');

create table checked (
    id integer primary key,
    display_name text check (char_length(display_name) between 2 and 50 and display_name = trim_blanks(display_name)),
    group_id text check (group_id ~ '^[A-Za-z0-9_-]{2,50}$'),
    platform text check (char_length(platform) between 1 and 20),
    fcm_token text check (char_length(fcm_token) <= 4096),
    last_seen_at timestamptz,
    latitude float8 check (latitude between -90 and 90),
    longitude float8 check (longitude between -180 and 180),
    altitude float8 check (altitude > '-infinity' and altitude < 'infinity'),
    accuracy float4 check (accuracy >= 0 and accuracy < 'infinity'),
    bearing float4 check (bearing between 0 and 360),
    speed float4 check (speed >= 0 and speed < 'infinity'),
    battery_level smallint check (battery_level between 0 and 100)
) with (fillfactor = 60);

create domain device_name as text check (char_length(value) between 2 and 50 and value = trim_blanks(value));
create domain group_name as text check (value ~ '^[A-Za-z0-9_-]{2,50}$');
create domain platform as text check (char_length(value) between 1 and 20);
create domain fcm_token as text check (char_length(value) <= 4096);
create domain latitude as float8 check (value between -90 and 90);
create domain longitude as float8 check (value between -180 and 180);
create domain altitude as float8 check (value > '-infinity' and value < 'infinity');
create domain accuracy as float4 check (value >= 0 and value < 'infinity');
create domain bearing as float4 check (value between 0 and 360);
create domain speed as float4 check (value >= 0 and value < 'infinity');
create domain battery_level as smallint check (value between 0 and 100);

create table typed (
    id integer primary key,
    display_name device_name,
    group_id group_name,
    platform platform,
    fcm_token fcm_token,
    last_seen_at timestamptz,
    latitude latitude,
    longitude longitude,
    altitude altitude,
    accuracy accuracy,
    bearing bearing,
    speed speed,
    battery_level battery_level
) with (fillfactor = 60);

insert into checked select i, 'Phone ' || i, 'group-' || i % 100, 'android', null, now(), 45, 13, 0, 5, 0, 0, 50 from generate_series(1, 1000) i;
insert into typed select * from checked;
alter database phone_manager set synchronous_commit = off;
