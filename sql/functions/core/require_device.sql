-- core.require_device(device): the device of that id, its row locked; refuses an unknown one.
--
-- Locks: the device's row. Errors: PT404.

create function core.require_device(p_device_id uuid) returns core.devices
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_device core.devices;
begin
    select d.* into v_device from core.devices d where d.device_id = p_device_id for no key update;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = 'Device not found.',
            hint = 'select * from admin.list_devices(p_search => ''part of its name or the start of its id'');';
    end if;
    return v_device;
end
$$;

comment on function core.require_device(uuid) is 'The device of that id, its row locked; refuses an unknown one.';
revoke all on function core.require_device(uuid) from public;
