-- core.erase_device(device, context): removes a device with its locations and stored answers, in the caller's transaction.
--
-- Foreign keys cascade. An upload under way holds the device's row, so it ends first; one that comes after finds no
-- device. Locks: the device's row, then its points and stored answers.
-- Errors: PT404. Audited.

create function core.erase_device(p_device_id uuid, p_context jsonb default '{}') returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    delete from core.devices d where d.device_id = p_device_id;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = 'Device not found.',
            hint = 'select * from admin.list_devices(p_group_id => ''…'');';
    end if;

    perform core.audit('erase_device', 'device', p_device_id::text, '{}', p_context);
end
$$;

comment on function core.erase_device(uuid, jsonb) is 'Removes a device with its locations and stored answers.';
revoke all on function core.erase_device(uuid, jsonb) from public;
