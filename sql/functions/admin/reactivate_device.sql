-- admin.reactivate_device(device): an inactive device is an active member of its group again, if that has a free place.
--
-- Example:
--   select admin.reactivate_device(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--
-- Returns what was done. Locks: the group, then the device's row. The group is known before either is locked, so a
-- device may have moved meanwhile: 40001.
-- Errors: PT404; PT409 where it is active already, or the group is full; 40001. Audited.

create function admin.reactivate_device(p_device_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_group_id text := (select d.group_id from core.devices d where d.device_id = p_device_id);
    v_device   core.devices;
begin
    perform core.lock_name('group', v_group_id);  -- null, and so no lock, for an unknown device
    v_device := core.require_device(p_device_id);

    if v_device.active then
        raise exception using
            errcode = 'PT409',
            message = format('Device %s (%s) is active already, in group %s.', p_device_id, v_device.display_name, v_device.group_id),
            hint = format('select * from admin.list_devices(p_group_id => %L);', v_device.group_id);
    elsif v_device.group_id is distinct from v_group_id then
        raise exception using
            errcode = 'serialization_failure',
            message = format('Device %s was moved to group %s just now.', p_device_id, v_device.group_id),
            hint = 'Try again.';
    end if;
    perform core.require_place(v_group_id);

    update core.devices d set active = true, updated_at = core.now() where d.device_id = p_device_id;
    perform core.audit('reactivate_device', 'device', p_device_id::text, jsonb_build_object('group_id', v_group_id));
    return format('Device %s (%s) is active in group %s.', p_device_id, v_device.display_name, v_group_id);
end
$$;

comment on function admin.reactivate_device(uuid) is 'Makes an inactive device an active member of its group again.';
revoke all on function admin.reactivate_device(uuid) from public;
grant execute on function admin.reactivate_device(uuid) to pm_admin;
