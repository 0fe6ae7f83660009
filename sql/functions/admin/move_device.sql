-- admin.move_device(…): moves a device with its history to another group. An active one needs a free place there.
--
-- Example:
--   select admin.move_device(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11', p_group_id => 'friends');
--
-- An inactive device stays inactive, and needs no place until it is reactivated. A group begins with its first device.
-- Returns what was done. Locks: the group, then the device's row.
-- Errors: PT400, PT404; PT409 where it is there already, or the group is full. Audited.

create function admin.move_device(p_device_id uuid, p_group_id text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_errors jsonb := core.group_id_errors(jsonb_build_object('group_id', p_group_id));
    v_device core.devices;
begin
    if v_errors <> '[]' then
        raise exception using
            errcode = 'PT400',
            message = format('p_group_id %s.', v_errors #>> '{0,message}'),
            hint = 'select * from admin.list_groups();';
    end if;

    perform core.lock_name('group', p_group_id);
    v_device := core.require_device(p_device_id);

    if v_device.group_id = p_group_id then
        raise exception using
            errcode = 'PT409',
            message = format('Device %s (%s) is in group %s already.', p_device_id, v_device.display_name, p_group_id),
            hint = case
                when v_device.active then format('select * from admin.list_devices(p_group_id => %L);', p_group_id)
                else format('It is inactive; to bring it back: select admin.reactivate_device(%L);', p_device_id)
            end;
    elsif v_device.active then
        perform core.require_place(p_group_id);
    end if;

    update core.devices d set group_id = p_group_id, updated_at = core.now() where d.device_id = p_device_id;
    perform core.audit('move_device', 'device', p_device_id::text, jsonb_build_object('old', v_device.group_id, 'new', p_group_id));

    return format(
        'Device %s (%s) has moved from group %s to %s%s.', p_device_id, v_device.display_name, v_device.group_id, p_group_id,
        case when not v_device.active then ', still inactive' else '' end);
end
$$;

comment on function admin.move_device(uuid, text) is 'Moves a device with its history to another group.';
revoke all on function admin.move_device(uuid, text) from public;
grant execute on function admin.move_device(uuid, text) to pm_admin;
