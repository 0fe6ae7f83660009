-- core.delete_inactive_devices(days, context, duration): removes, with their data, devices that are inactive and unchanged for
-- so long: all of them, the longest unchanged first, or as many as can be done in so much time.
--
-- p_older_than_days: 1 to 3650. p_context: see core.erase_device. p_duration: when it is over, no further device is begun, and
-- remaining tells whether any was left for the next call. So a request ends, and is kept, well before it would be
-- cancelled, whatever the number of devices and of their points; and each call removes one device at least.
--
-- A device that becomes active again while this waits for its row stays.
-- Locks: the devices' rows, one after the other, each with its points and answers; a job that holds some gives way. Errors: PT400. Audited, as one entry.

create function core.delete_inactive_devices(
    p_older_than_days bigint, p_context jsonb default '{}', p_duration interval default interval '10 seconds',
    out deleted bigint, out remaining boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_until     timestamptz := clock_timestamp() + p_duration;
    v_before    timestamptz;
    v_device_id uuid;
begin
    if p_older_than_days is null or p_older_than_days not between 1 and 3650 then
        raise exception using
            errcode = 'PT400',
            message = 'The number of days must be an integer from 1 to 3650.',
            detail = core.field_error('older_than_days', 'must be an integer from 1 to 3650')::text,
            hint = 'select admin.delete_inactive_devices(p_older_than_days => 365);';
    end if;
    v_before := core.days_ago(p_older_than_days::integer);
    deleted := 0;
    remaining := false;

    for v_device_id in
        select d.device_id
        from core.devices d
        where not d.active and d.updated_at <= v_before
        order by d.updated_at, d.device_id
        for update
    loop
        if deleted > 0 and clock_timestamp() >= v_until then
            remaining := true;
            exit;
        end if;
        delete from core.devices d where d.device_id = v_device_id;
        deleted := deleted + 1;
    end loop;

    perform core.audit(
        'delete_inactive_devices', 'device', null,
        jsonb_build_object('older_than_days', p_older_than_days, 'deleted', deleted), p_context);
end
$$;

comment on function core.delete_inactive_devices(bigint, jsonb, interval) is
    'Removes, with their data, devices that are inactive and unchanged for so many days, as many as can be done in so much time.';
revoke all on function core.delete_inactive_devices(bigint, jsonb, interval) from public;
