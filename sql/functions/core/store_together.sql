-- core.store_together(devices, lists): stores the points of several uploads in one go, as far as that is plain.
--
-- p_devices: the device of each; p_lists: its points, as a JSON array. Left out, and to be uploaded alone: what is of no
-- active device, of a device whose row another transaction holds, or the second of a device. So it waits for nobody, and
-- none of the uploads is held up by another.
--
-- No stored point is newer than its device's last location, as long as that is known. So where all of these are, and no
-- upload has two of one time, none is there already. The exceptions: points that were put into the table by hand; days that
-- a shorter retention had given up and that no cleanup had dropped before it was made longer again.
--
-- Locks: the rows of devices that are free, then the points. Errors, for all of them: those of core.read_points; 23505
-- (unique violation) where that was wrong.

create function core.store_together(p_devices uuid[], p_lists jsonb[])
returns table (request integer, answer json, counted integer)
language plpgsql volatile rows 50 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off  -- see core.store_points
as $$
declare
    v_points  core.point_columns := core.read_points(p_lists, core.now());
    v_devices uuid[];
    v_all_new boolean;
begin
    select
        array_agg(d.device_id order by r.request),
        bool_and(coalesce(d.last_captured_at < p.first and p.points = p.moments, false)) filter (where d.device_id is not null)
    into v_devices, v_all_new
    from (
        select u.device_id, u.request, row_number() over (partition by u.device_id order by u.request) as nth
        from unnest(p_devices) with ordinality u(device_id, request)
    ) r
    left join (
        select l.device_id, l.last_captured_at
        from core.devices l
        where l.device_id = any(p_devices) and l.active
        for no key update skip locked
    ) d on d.device_id = r.device_id and r.nth = 1
    left join (
        select t.request, count(*) as points, count(distinct t.captured_at) as moments, min(t.captured_at) as first
        from unnest(v_points.request, v_points.captured_at) t(request, captured_at)
        group by t.request
    ) p on p.request = r.request;

    return query
    select s.request, core.upload_answer(s.points, s.stored), s.stored
    from core.store_points(v_devices, v_points, v_all_new) s;
end
$$;

comment on function core.store_together(uuid[], jsonb[]) is 'Stores the points of several uploads in one go, as far as that is plain.';
revoke all on function core.store_together(uuid[], jsonb[]) from public;
