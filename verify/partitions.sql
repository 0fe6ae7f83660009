-- Verify phone_manager:partitions on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; nobody but the owner may call it.
select f.signature, 1 / count(p.oid)
from (values
    ('core.partition_name(date)', 's', false, null),
    ('core.partition_day(text)', 's', false, null),
    ('core.missing_partitions()', 'v', false, null),
    ('core.create_partition(date)', 'v', false, null),
    ('core.ensure_partitions(integer)', 'v', false, null)
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
