-- admin.audit_trail(…): who changed or took out what, the latest first.
--
-- Example:
--   select * from admin.audit_trail();
--   select * from admin.audit_trail(p_resource_id => '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11');
--   select * from admin.audit_trail(p_from => now() - interval '7 days', p_action => 'erase_device');
--   select * from admin.audit_trail(p_resource_type => 'api_key', p_to => '2030-01-01', p_before => 3, p_limit => 10);
--
-- p_from: that time and later. p_to: earlier than that time. p_before: the id of the last row of the page before; several
-- entries may be of the same microsecond. who: the API key over HTTP, else the database role.
-- Errors: PT400 for p_limit, PT404 where p_before is unknown.

create function admin.audit_trail(
    p_from timestamptz default null,
    p_to timestamptz default null,
    p_action text default null,
    p_resource_type text default null,
    p_resource_id text default null,
    p_before bigint default null,
    p_limit integer default 50
)
returns table (
    id bigint, created_at timestamptz, who text, action text, resource_type text, resource_id text, metadata jsonb, ip_address inet,
    request_id text
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_to     timestamptz := coalesce(p_to, 'infinity');
    v_before bigint := 0;  -- ids begin with 1: none that is exactly of that time
    v_time   timestamptz;
begin
    perform core.require_page_size(p_limit);

    if p_before is not null then
        select a.created_at into v_time from core.audit_log a where a.id = p_before;
        if not found then
            raise exception using
                errcode = 'PT404',
                message = format('There is no audit entry %s to go on before.', p_before),
                hint = 'p_before is the id of the last row of the page before; leave it out for the first page.';
        elsif v_time < v_to then
            v_to := v_time;
            v_before := p_before;
        end if;
    end if;

    return query
    select
        a.id, a.created_at,
        coalesce('API key ' || a.api_key_id || coalesce(' (' || k.name || ')', ''), 'role ' || a.database_role),
        a.action, a.resource_type, a.resource_id, a.metadata, a.ip_address, a.request_id
    from core.audit_log a
    left join core.api_keys k on k.id = a.api_key_id
    where a.created_at >= coalesce(p_from, '-infinity')
        and (a.created_at, a.id) < (v_to, v_before)
        and (p_action is null or a.action = p_action)
        and (p_resource_type is null or a.resource_type = p_resource_type)
        and (p_resource_id is null or a.resource_id = p_resource_id)
    order by a.created_at desc, a.id desc
    limit p_limit;
end
$$;

comment on function admin.audit_trail(timestamptz, timestamptz, text, text, text, bigint, integer) is 'Shows who changed or took out what, the latest first.';
revoke all on function admin.audit_trail(timestamptz, timestamptz, text, text, text, bigint, integer) from public;
grant execute on function admin.audit_trail(timestamptz, timestamptz, text, text, text, bigint, integer) to pm_admin;
