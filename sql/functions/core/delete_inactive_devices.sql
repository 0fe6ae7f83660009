-- core.delete_inactive_devices(days, context): removes, with their data, devices that are inactive and unchanged for so long.
--
-- p_older_than_days: 1 to 3650. p_context: see core.erase_device. Returns how many.
--
-- A device that becomes active again while this waits for its row stays.
-- Locks: the devices' rows, in the order of the table, as jobs.cleanup_locations_step does; then their points and answers.
-- Errors: PT400. Audited, as one entry.

create function core.delete_inactive_devices(p_older_than_days bigint, p_context jsonb default '{}') returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_before  timestamptz;
    v_doomed  uuid[];
    v_deleted bigint;
begin
    if p_older_than_days is null or p_older_than_days not between 1 and 3650 then
        raise exception using
            errcode = 'PT400',
            message = 'older_than_days must be an integer from 1 to 3650.',
            detail = core.field_error('older_than_days', 'must be an integer from 1 to 3650')::text,
            hint = 'select admin.delete_inactive_devices(p_older_than_days => 365);';
    end if;
    v_before := core.now() - make_interval(hours => 24 * p_older_than_days::integer);

    v_doomed := array(
        select d.device_id
        from core.devices d
        where not d.active and d.updated_at <= v_before
        order by d.ctid
        for update);
    delete from core.devices d where d.device_id = any (v_doomed);
    get diagnostics v_deleted = row_count;

    perform core.audit(
        'delete_inactive_devices', 'device', null,
        jsonb_build_object('older_than_days', p_older_than_days, 'deleted', v_deleted), p_context);
    return v_deleted;
end
$$;

comment on function core.delete_inactive_devices(bigint, jsonb) is
    'Removes, with their data, devices that are inactive and unchanged for so many days.';
revoke all on function core.delete_inactive_devices(bigint, jsonb) from public;
