-- Devices as the API shows them. A last location past its retention does not show, cleaned up or not.
--
-- The JSON is put together as text: json_build_object looks up the type of every value of every row, which takes twice
-- as long as all the rest of a listing.

create view core.devices_with_last_location as
select
    d.device_id,
    d.display_name,
    d.group_id,
    d.active,
    d.last_seen_at,
    case when d.last_captured_at >= (select core.days_ago(s.location_retention_days) from core.settings s) then
        format(
            '{"latitude" : %s, "longitude" : %s, "accuracy" : %s, "timestamp" : "%s", "altitude" : %s, "bearing" : %s, "speed" : %s, '
            '"battery_level" : %s}',
            coalesce(d.last_latitude::text, 'null'),
            coalesce(d.last_longitude::text, 'null'),
            coalesce(d.last_accuracy::text, 'null'),
            core.rfc3339(d.last_captured_at),
            coalesce(d.last_altitude::text, 'null'),
            coalesce(d.last_bearing::text, 'null'),
            coalesce(d.last_speed::text, 'null'),
            coalesce(d.last_battery_level::text, 'null')
        )
    end as last_location
from core.devices d;

comment on view core.devices_with_last_location is 'Devices with their last location as JSON text, null when there is none within retention';
