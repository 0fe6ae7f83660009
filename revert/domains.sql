-- Revert phone_manager:domains from pg

begin;
set local role pm_owner;

drop domain core.rate_limit_class;
drop domain core.battery_level;
drop domain core.speed;
drop domain core.bearing;
drop domain core.accuracy;
drop domain core.altitude;
drop domain core.longitude;
drop domain core.latitude;
drop domain core.fcm_token;
drop domain core.platform;
drop domain core.group_name;
drop domain core.device_name;

commit;
