-- core.delete_inactive_devices(days, context): removes, with their data, devices that are inactive and unchanged for so long.
--
-- p_older_than_days: 1 to 3650. Returns how many. Locks: the devices' rows, then their points and stored answers.
-- Errors: PT400. Audited.

create function core.delete_inactive_devices(p_older_than_days integer, p_context jsonb default '{}') returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    if coalesce(p_older_than_days not between 1 and 3650, true) then
        perform core.require_valid(core.field_error('older_than_days', 'must be an integer from 1 to 3650'));
    end if;

    delete from core.devices d
    where not d.active and d.updated_at < core.now() - make_interval(hours => 24 * p_older_than_days);
    get diagnostics v_deleted = row_count;

    perform core.audit(
        'delete_inactive_devices', 'device', null,
        jsonb_build_object('older_than_days', p_older_than_days, 'deleted', v_deleted), p_context);
    return v_deleted;
end
$$;

comment on function core.delete_inactive_devices(integer, jsonb) is 'Removes, with their data, devices that are inactive and unchanged for so many days.';
revoke all on function core.delete_inactive_devices(integer, jsonb) from public;
