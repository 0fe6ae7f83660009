-- Verify phone_manager:uploads on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; nobody but the owner may call it.
select f.signature, 1 / count(p.oid)
from (values
    ('core.batch_error(jsonb)', 's', false, null),
    ('core.parse_points(jsonb, text, jsonb)', 'v', false, null),
    ('core.read_points(jsonb[], timestamptz)', 's', false, null),
    ('core.store_locations(uuid, core.point_columns)', 'v', false, null),
    ('core.store_points(uuid[], core.point_columns, boolean)', 'v', false, null),
    ('core.store_together(uuid[], jsonb[])', 'v', false, null),
    ('core.upload_answer(integer, integer)', 's', false, null)
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

-- They are planned once for a session, see core.store_points.
select f.signature, 1 / count(p.oid)
from (values
    ('core.read_points(jsonb[], timestamptz)', array['plan_cache_mode=force_generic_plan']),
    ('core.store_points(uuid[], core.point_columns, boolean)', array['plan_cache_mode=force_generic_plan', 'enable_seqscan=off']),
    ('core.store_together(uuid[], jsonb[])', array['plan_cache_mode=force_generic_plan', 'enable_seqscan=off'])
) f(signature, settings)
left join pg_catalog.pg_proc p on p.oid = to_regprocedure(f.signature) and p.proconfig @> f.settings
group by f.signature;

rollback;
