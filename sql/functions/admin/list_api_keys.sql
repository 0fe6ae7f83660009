-- admin.list_api_keys(…): the API keys, the newest first. Never the keys themselves.
--
-- Example:
--   select * from admin.list_api_keys();
--   select * from admin.list_api_keys(p_only_valid => true);
--   select * from admin.list_api_keys(p_before => 3, p_limit => 10);
--
-- p_before: the id of the last row of the page before. Errors: PT400 for p_limit.

create function admin.list_api_keys(p_only_valid boolean default false, p_before bigint default null, p_limit integer default 50)
returns table (
    id bigint, key_prefix text, name text, status text, is_admin boolean, rate_limit_per_minute integer,
    last_used_at timestamptz, created_at timestamptz, expires_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    perform core.require_page_size(p_limit);

    return query
    select
        k.id, k.key_prefix, k.name,
        case when not k.is_active then 'deactivated' when k.expires_at <= v_now then 'expired' else 'valid' end,
        k.is_admin, k.rate_limit_per_minute, k.last_used_at, date_trunc('second', k.created_at), date_trunc('second', k.expires_at)
    from core.api_keys k
    where (not p_only_valid or (k.is_active and (k.expires_at is null or k.expires_at > v_now)))
        and (p_before is null or k.id < p_before)
    order by k.id desc
    limit p_limit;
end
$$;

comment on function admin.list_api_keys(boolean, bigint, integer) is 'Lists the API keys, the newest first.';
revoke all on function admin.list_api_keys(boolean, bigint, integer) from public;
grant execute on function admin.list_api_keys(boolean, bigint, integer) to pm_admin;
