-- core.store_points(devices, points, all_new): stores the points of uploads, and counts for each upload how many were new.
--
-- p_devices: the device of each request of the points, none twice, whose rows the caller has locked; null leaves a
-- request out.
-- A point that is already there is neither stored twice nor an error; of two for one time, the first stays. The devices
-- are seen now, and the last location of each is the newest point that ever arrived.
-- p_all_new: the caller believes that none is there already. Then nobody looks for them first, which saves a tenth of a
-- batch's work (bench/compare conflicts); where one is there after all, it fails.
--
-- The planner cannot know how few requests there are: left alone, it would plan each call anew, or read a small table of
-- devices whole and keep that plan while the table grows.
--
-- Locks: the points. Errors: 23505 (unique violation), with p_all_new only.

create function core.store_points(p_devices uuid[], p_points core.point_columns, p_all_new boolean default false)
returns table (request integer, points integer, stored integer)
language plpgsql volatile rows 50 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_now timestamptz := core.now();
begin
    update core.devices d
    set last_seen_at = v_now,
        last_captured_at = case when d.last_captured_at >= n.captured_at then d.last_captured_at else n.captured_at end,
        last_latitude = case when d.last_captured_at >= n.captured_at then d.last_latitude else n.latitude end,
        last_longitude = case when d.last_captured_at >= n.captured_at then d.last_longitude else n.longitude end,
        last_altitude = case when d.last_captured_at >= n.captured_at then d.last_altitude else n.altitude end,
        last_accuracy = case when d.last_captured_at >= n.captured_at then d.last_accuracy else n.accuracy end,
        last_bearing = case when d.last_captured_at >= n.captured_at then d.last_bearing else n.bearing end,
        last_speed = case when d.last_captured_at >= n.captured_at then d.last_speed else n.speed end,
        last_battery_level = case when d.last_captured_at >= n.captured_at then d.last_battery_level else n.battery_level end
    from (
        select distinct on (p.request) p.*
        from unnest(
            p_points.request, p_points.captured_at, p_points.latitude, p_points.longitude, p_points.altitude, p_points.accuracy,
            p_points.bearing, p_points.speed, p_points.battery_level
        ) with ordinality p(request, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, position)
        order by p.request, p.captured_at desc, p.position
    ) n
    where d.device_id = p_devices[n.request];

    if p_all_new then
        insert into core.locations
        select
            p_devices[p.request], p.captured_at, v_now, p.latitude, p.longitude, p.altitude, p.accuracy, p.bearing, p.speed,
            p.battery_level, p.provider, p.network_type
        from unnest(
            p_points.request, p_points.captured_at, p_points.latitude, p_points.longitude, p_points.altitude, p_points.accuracy,
            p_points.bearing, p_points.speed, p_points.battery_level, p_points.provider, p_points.network_type
        ) p(request, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
        where p_devices[p.request] is not null;

        return query
        select p.request, count(*)::integer, count(*)::integer
        from unnest(p_points.request) p(request)
        where p_devices[p.request] is not null
        group by p.request;
        return;
    end if;

    return query
    with stored as (
        insert into core.locations
        select
            p_devices[p.request], p.captured_at, v_now, p.latitude, p.longitude, p.altitude, p.accuracy, p.bearing, p.speed,
            p.battery_level, p.provider, p.network_type
        from unnest(
            p_points.request, p_points.captured_at, p_points.latitude, p_points.longitude, p_points.altitude, p_points.accuracy,
            p_points.bearing, p_points.speed, p_points.battery_level, p_points.provider, p_points.network_type
        ) p(request, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type)
        where p_devices[p.request] is not null
        on conflict (device_id, captured_at) do nothing
        returning device_id
    )
    select r.request, r.points, coalesce(s.stored, 0)
    from (
        select p.request, count(*)::integer as points from unnest(p_points.request) p(request) group by p.request
    ) r
    left join (
        select s.device_id, count(*)::integer as stored from stored s group by s.device_id
    ) s on s.device_id = p_devices[r.request]
    where p_devices[r.request] is not null;
end
$$;

comment on function core.store_points(uuid[], core.point_columns, boolean) is 'Stores points once each and keeps the last locations of their devices.';
revoke all on function core.store_points(uuid[], core.point_columns, boolean) from public;
