-- Verify phone_manager:jobs_cleanup_locations on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; pm_admin alone may call the job, nobody its step. A procedure that commits can be no
-- definer and have no SET clause.
select f.signature, 1 / count(p.oid)
from (values
    ('jobs.cleanup_locations_step(jsonb)', 'f', 'v', false, null),
    ('jobs.cleanup_locations()', 'p', 'v', false, 'pm_admin')
) f(signature, kind, volatility, definer, caller)
left join pg_catalog.pg_proc p
    on p.oid = to_regprocedure(f.signature)
    and p.prokind = f.kind
    and p.provolatile = f.volatility
    and p.prosecdef = f.definer
    and (p.proconfig @> array['search_path=pg_catalog, pg_temp'] or p.prosqlbody is not null or p.prokind = 'p')
    and p.proowner = 'pm_owner'::regrole
    and not exists (
        select from unnest(array['public', 'pm_api', 'pm_admin', 'pm_monitor']) r(role)
        where has_function_privilege(r.role, p.oid, 'execute') <> coalesce(r.role = f.caller, false))
group by f.signature;

rollback;
