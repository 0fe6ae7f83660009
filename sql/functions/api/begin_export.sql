-- api.begin_export(request, context): audits that a device's data are about to be exported.
--
-- p_request: {"device_id"}. p_context: see core.audit. Commits before the data are read, so that an export that breaks
-- off is in the audit log, too; and the data can then be read in a transaction that cannot write.
-- Errors: PT400, PT404.

create function api.begin_export(p_request jsonb, p_context jsonb default '{}') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_device_id uuid;
begin
    perform core.require_valid(core.device_id_errors(p_request));
    v_device_id := core.parse_uuid(p_request ->> 'device_id');

    if not exists (select from core.devices d where d.device_id = v_device_id) then
        raise exception using errcode = 'PT404', message = 'Device not found.';
    end if;

    perform core.audit('export_device', 'device', v_device_id::text, '{}', p_context);
end
$$;

comment on function api.begin_export(jsonb, jsonb) is 'Audits that a device''s data are about to be exported.';
revoke all on function api.begin_export(jsonb, jsonb) from public;
grant execute on function api.begin_export(jsonb, jsonb) to pm_api;
