-- Verify phone_manager:admin_api_keys on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; pm_admin alone may call it, or nobody but the owner.
select f.signature, 1 / count(p.oid)
from (values
    ('core.require_page_size(integer)', 'i', false, null),
    ('core.new_api_key()', 'v', false, null),
    ('core.require_api_key(bigint)', 'v', false, null),
    ('admin.create_api_key(text, boolean, integer, timestamptz)', 'v', true, 'pm_admin'),
    ('admin.list_api_keys(boolean, bigint, integer)', 'v', true, 'pm_admin'),
    ('admin.deactivate_api_key(bigint)', 'v', true, 'pm_admin'),
    ('admin.reactivate_api_key(bigint)', 'v', true, 'pm_admin'),
    ('admin.rotate_api_key(bigint, interval)', 'v', true, 'pm_admin'),
    ('admin.expire_api_key(bigint, timestamptz)', 'v', true, 'pm_admin')
) f(signature, volatility, definer, caller)
left join pg_catalog.pg_proc p
    on p.oid = to_regprocedure(f.signature)
    and p.prokind = 'f'
    and p.provolatile = f.volatility
    and p.prosecdef = f.definer
    and (p.proconfig @> array['search_path=pg_catalog, pg_temp'] or p.prosqlbody is not null)
    and p.proowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_function_privilege(r.role, p.oid, 'execute') <> coalesce(r.role = f.caller, false))
group by f.signature;

rollback;
