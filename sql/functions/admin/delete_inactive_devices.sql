-- admin.delete_inactive_devices(days): removes, with their data, devices that are inactive and unchanged for so many days.
--
-- Example:
--   select admin.delete_inactive_devices(p_older_than_days => 365);
--
-- admin.list_devices(p_active => false) shows inactive ones; unchanged means updated_at.
-- It stops after ten seconds, and then says that more are left: call it again, or let \watch do so.
-- Returns what was done. Locks: the devices' rows, then their data. Errors: PT400 outside 1 to 3650. Audited.

create function admin.delete_inactive_devices(p_older_than_days bigint) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select format('Devices deleted with all their data: %s.', d.deleted)
            || case when d.remaining then ' There are more: call this again.' else '' end
        from core.delete_inactive_devices(p_older_than_days) d);
end
$$;

comment on function admin.delete_inactive_devices(bigint) is 'Removes, with their data, devices that are inactive and unchanged for so many days.';
revoke all on function admin.delete_inactive_devices(bigint) from public;
grant execute on function admin.delete_inactive_devices(bigint) to pm_admin;
