-- admin.list_api_keys(…): the API keys, the newest first. Never the keys themselves.
--
-- Example:
--   select * from admin.list_api_keys();
--   select * from admin.list_api_keys(p_only_valid => true);

create function admin.list_api_keys(p_only_valid boolean default false)
returns table (
    id bigint, key_prefix text, name text, status text, is_admin boolean, rate_limit_per_minute integer,
    last_used_at timestamptz, created_at timestamptz, expires_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    return query
    select
        k.id, k.key_prefix, k.name,
        case when not k.is_active then 'deactivated' when k.expires_at <= v_now then 'expired' else 'valid' end,
        k.is_admin, k.rate_limit_per_minute, k.last_used_at, k.created_at, k.expires_at
    from core.api_keys k
    where not p_only_valid or (k.is_active and (k.expires_at is null or k.expires_at > v_now))
    order by k.id desc;
end
$$;

comment on function admin.list_api_keys(boolean) is 'Lists the API keys, the newest first.';
revoke all on function admin.list_api_keys(boolean) from public;
grant execute on function admin.list_api_keys(boolean) to pm_admin;
