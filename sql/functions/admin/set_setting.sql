-- admin.set_setting(name, value): changes a setting, for every instance and every job at once.
--
-- Example:
--   select admin.set_setting(p_name => 'max_devices_per_group', p_value => 25);
--
-- A changed location_retention_days takes effect on partitions and points at the next run of the jobs.
-- An instance of the API whose configuration sets the same limit writes it again when it starts.
-- Returns what was done. Errors: PT400 for an unknown name or a value out of its range. Audited.

create function admin.set_setting(p_name text, p_value bigint) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if core.change_setting(p_name, p_value::text) then
        return format('%s is now %s.', p_name, p_value);
    end if;
    return format('%s was %s already.', p_name, p_value);
end
$$;

comment on function admin.set_setting(text, bigint) is 'Changes a setting.';
revoke all on function admin.set_setting(text, bigint) from public;
grant execute on function admin.set_setting(text, bigint) to pm_admin;
