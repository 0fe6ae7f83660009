-- admin.deactivate_device(device): soft delete. It leaves its group's listing and frees its place; its data stay.
--
-- Example:
--   select admin.deactivate_device(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--
-- The phone comes back by itself if it registers again.
-- Returns what was done. Locks: the device's row. Errors: PT404; PT409 where it is inactive already. Audited.

create function admin.deactivate_device(p_device_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_device core.devices := core.require_device(p_device_id);
begin
    if not v_device.active then
        raise exception using
            errcode = 'PT409',
            message = format('Device %s (%s) is inactive already.', p_device_id, v_device.display_name),
            hint = format('To bring it back: select admin.reactivate_device(%L);', p_device_id);
    end if;

    perform api.deactivate_device(jsonb_build_object('device_id', p_device_id));
    perform core.audit('deactivate_device', 'device', p_device_id::text, jsonb_build_object('group_id', v_device.group_id));
    return format('Device %s (%s) is inactive; group %s has a free place.', p_device_id, v_device.display_name, v_device.group_id);
end
$$;

comment on function admin.deactivate_device(uuid) is 'Takes a device out of its group''s listing; its data stay.';
revoke all on function admin.deactivate_device(uuid) from public;
grant execute on function admin.deactivate_device(uuid) to pm_admin;
