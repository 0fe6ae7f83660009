-- core.store_locations(device, points): stores the points of one upload; its answer, and how many points were new.
--
-- Locks: the device's row, then the points. Errors: PT404.

create function core.store_locations(p_device_id uuid, p_points core.point_columns, out answer json, out counted integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform from core.devices d where d.device_id = p_device_id and d.active for no key update;
    if not found then
        raise exception using
            errcode = 'PT404',
            message = 'Device not found. Please register first.';
    end if;

    select core.upload_answer(s.points, s.stored), s.stored
    into answer, counted
    from core.store_points(array[p_device_id], p_points) s;
end
$$;

comment on function core.store_locations(uuid, core.point_columns) is 'Stores the points of one upload.';
revoke all on function core.store_locations(uuid, core.point_columns) from public;
