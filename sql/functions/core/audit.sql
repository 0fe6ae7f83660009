-- core.audit(action, resource type, resource id, metadata): writes the audit log in the caller's transaction.
--
-- p_context: {"api_key_id", "ip_address", "request_id"} of an HTTP request, empty for psql.

create function core.audit(p_action text, p_resource_type text, p_resource_id text, p_metadata jsonb default '{}', p_context jsonb default '{}')
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    insert into core.audit_log (created_at, api_key_id, action, resource_type, resource_id, metadata, ip_address, request_id)
    values (
        core.now(), (p_context ->> 'api_key_id')::bigint, p_action, p_resource_type, p_resource_id, p_metadata,
        (p_context ->> 'ip_address')::inet, p_context ->> 'request_id');
end
$$;

comment on function core.audit(text, text, text, jsonb, jsonb) is 'Writes the audit log in the caller''s transaction.';
revoke all on function core.audit(text, text, text, jsonb, jsonb) from public;
