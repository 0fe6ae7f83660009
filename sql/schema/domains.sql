-- The rules of single values, each once, for every table that holds such a value.
--
-- Domains, not CHECK constraints of the tables: PostgreSQL plans a table's CHECK constraints anew in each statement that
-- writes to it, and checks them all at each UPDATE, whatever it changes. For a device and its 13 rules that was most of
-- an upload's cost (bench/compare domains). A domain is checked where a value is assigned, and prepared once per session.

create domain core.device_name as text collate "C"
    check (char_length(value) between 2 and 50 and value = core.trim_blanks(value));
create domain core.group_name as text collate "C"
    check (value ~ '^[A-Za-z0-9_-]{2,50}$');
create domain core.platform as text
    check (char_length(value) between 1 and 20);
create domain core.fcm_token as text
    check (char_length(value) <= 4096);

create domain core.latitude as float8
    check (value between -90 and 90);
create domain core.longitude as float8
    check (value between -180 and 180);
create domain core.altitude as float8
    check (value > '-infinity' and value < 'infinity');
create domain core.accuracy as float4
    check (value >= 0 and value < 'infinity');
create domain core.bearing as float4
    check (value between 0 and 360);
create domain core.speed as float4
    check (value >= 0 and value < 'infinity');
create domain core.battery_level as smallint
    check (value between 0 and 100);

create domain core.rate_limit_class as text
    check (value in ('default', 'admin', 'privacy'));

comment on domain core.device_name is '2 to 50 characters, no white space at the ends; sorted by code point, so the same everywhere';
comment on domain core.group_name is '2 to 50 letters, digits, hyphens or underscores';
comment on domain core.platform is 'Operating system as the client names it, 1 to 20 characters';
comment on domain core.fcm_token is 'Firebase Cloud Messaging registration token, at most 4096 characters';
comment on domain core.latitude is 'Degrees, WGS 84';
comment on domain core.longitude is 'Degrees, WGS 84';
comment on domain core.altitude is 'Metres, finite';
comment on domain core.accuracy is 'Metres, 0 or more, finite';
comment on domain core.bearing is 'Degrees clockwise from north, 0 to 360';
comment on domain core.speed is 'Metres per second, 0 or more, finite';
comment on domain core.battery_level is 'Per cent';
comment on domain core.rate_limit_class is 'Class of routes with a window of their own';
