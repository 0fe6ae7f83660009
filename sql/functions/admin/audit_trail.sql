-- admin.audit_trail(…): who changed or took out what, the latest first.
--
-- Example:
--   select * from admin.audit_trail();
--   select * from admin.audit_trail(p_resource_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--   select * from admin.audit_trail(p_from => now() - interval '7 days', p_action => 'erase_device');
--   select * from admin.audit_trail(p_resource_type => 'api_key', p_before => '2030-01-01', p_limit => 10);
--
-- p_from: that time and later. p_before: earlier than that time, such as the created_at of the last row of the page before.
-- who: the API key over HTTP, else the database role. Errors: PT400 for p_limit.

create function admin.audit_trail(
    p_from timestamptz default null,
    p_before timestamptz default null,
    p_action text default null,
    p_resource_type text default null,
    p_resource_id text default null,
    p_limit integer default 50
)
returns table (
    created_at timestamptz, who text, action text, resource_type text, resource_id text, metadata jsonb, ip_address inet, request_id text
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_page_size(p_limit);

    return query
    select
        a.created_at,
        coalesce('API key ' || a.api_key_id || coalesce(' (' || k.name || ')', ''), 'role ' || a.database_role),
        a.action, a.resource_type, a.resource_id, a.metadata, a.ip_address, a.request_id
    from core.audit_log a
    left join core.api_keys k on k.id = a.api_key_id
    where a.created_at >= coalesce(p_from, '-infinity')
        and a.created_at < coalesce(p_before, 'infinity')
        and (p_action is null or a.action = p_action)
        and (p_resource_type is null or a.resource_type = p_resource_type)
        and (p_resource_id is null or a.resource_id = p_resource_id)
    order by a.created_at desc, a.id desc
    limit p_limit;
end
$$;

comment on function admin.audit_trail(timestamptz, timestamptz, text, text, text, integer) is 'Shows who changed or took out what, the latest first.';
revoke all on function admin.audit_trail(timestamptz, timestamptz, text, text, text, integer) from public;
grant execute on function admin.audit_trail(timestamptz, timestamptz, text, text, text, integer) to pm_admin;
