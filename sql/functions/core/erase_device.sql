-- core.erase_device(device, context): removes a device, its locations and its stored answers, in the caller's transaction.
--
-- Foreign keys cascade to the points, through the primary key of each partition, and to the answers. Nothing prunes
-- partitions: points of a device may lie on any day that is kept.
-- p_context: {"api_key_id", "ip_address", "request_id"} of an HTTP request, empty for psql.
--
-- An upload under way holds the device's row: it ends first, and its points go too. One that comes later finds no device.
-- Locks: the device's row, then its points and answers. Errors: PT404. Audited.

create function core.erase_device(p_device_id uuid, p_context jsonb default '{}') returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_device(p_device_id);
    delete from core.devices d where d.device_id = p_device_id;
    perform core.audit('erase_device', 'device', p_device_id::text, '{}', p_context);
end
$$;

comment on function core.erase_device(uuid, jsonb) is 'Removes a device, its locations and its stored answers.';
revoke all on function core.erase_device(uuid, jsonb) from public;
