-- admin.erase_device(device): removes a device, its locations and its stored answers for ever.
--
-- Example:
--   select admin.erase_device(p_device_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--
-- Returns what was done. Locks: the device's row, then its data. Errors: PT404. Audited.

create function admin.erase_device(p_device_id uuid) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.erase_device(p_device_id);
    return format('Device %s and all its data are erased.', p_device_id);
end
$$;

comment on function admin.erase_device(uuid) is 'Removes a device and all its data for ever.';
revoke all on function admin.erase_device(uuid) from public;
grant execute on function admin.erase_device(uuid) to pm_admin;
