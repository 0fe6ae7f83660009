-- admin.recent_points(…): the newest points of a device. Positions are private, so looking at them is audited.
--
-- Example:
--   select * from admin.recent_points(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--   select * from admin.recent_points(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11', p_before => now() - interval '1 day', p_limit => 5);
--
-- p_before: the captured_at of the last row of the page before, or any time. stored_after: how late the point arrived;
-- negative where the phone's clock is fast. Points past retention do not show, cleaned up or not.
-- Errors: PT400 for p_limit, PT404. Audited.

create function admin.recent_points(p_device_id uuid, p_before timestamptz default null, p_limit integer default 20)
returns table (
    captured_at timestamptz, stored_after interval, latitude float8, longitude float8, accuracy float4, altitude float8,
    bearing float4, speed float4, battery_level smallint, provider text, network_type text
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_oldest timestamptz := (select core.days_ago(s.location_retention_days) from core.settings s);
begin
    perform core.require_page_size(p_limit);
    if not exists (select from core.devices d where d.device_id = p_device_id) then
        perform core.require_device(p_device_id);  -- refuses it; one that is there is not locked, for uploads would wait
    end if;
    perform core.audit('read_points', 'device', p_device_id::text, jsonb_build_object('before', p_before, 'limit', p_limit));

    return query
    select
        l.captured_at, date_trunc('second', l.created_at - l.captured_at), l.latitude::float8, l.longitude::float8,
        l.accuracy::float4, l.altitude::float8, l.bearing::float4, l.speed::float4, l.battery_level::smallint,
        l.provider::text, l.network_type::text
    from core.locations l
    where l.device_id = p_device_id
        and l.captured_at >= v_oldest
        and l.captured_at < coalesce(p_before, 'infinity')
    order by l.captured_at desc
    limit p_limit;
end
$$;

comment on function admin.recent_points(uuid, timestamptz, integer) is 'Shows the newest points of a device; this is audited.';
revoke all on function admin.recent_points(uuid, timestamptz, integer) from public;
grant execute on function admin.recent_points(uuid, timestamptz, integer) to pm_admin;
