-- Verify phone_manager:api_list_devices on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; pm_api alone may call those of api.
select f.signature, 1 / count(p.oid)
from (values
    ('core.group_listing(text)', 'v', false, null),
    ('api.list_devices(jsonb)', 'v', true, 'pm_api'),
    ('api.list_devices_many(jsonb[])', 'v', true, 'pm_api')
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
