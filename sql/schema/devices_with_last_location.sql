-- Devices as the API shows them. A last location past its retention does not show, cleaned up or not.

create view core.devices_with_last_location as
select
    d.device_id,
    d.display_name,
    d.group_id,
    d.active,
    d.last_seen_at,
    case when d.last_captured_at >= core.days_ago(s.location_retention_days) then
        json_build_object(
            'latitude', d.last_latitude,
            'longitude', d.last_longitude,
            'accuracy', d.last_accuracy,
            'timestamp', core.rfc3339(d.last_captured_at),
            'altitude', d.last_altitude,
            'bearing', d.last_bearing,
            'speed', d.last_speed,
            'battery_level', d.last_battery_level
        )
    end as last_location
from core.devices d
cross join core.settings s;

comment on view core.devices_with_last_location is 'Devices with their last location as JSON, null when there is none within retention';
