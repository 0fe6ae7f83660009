-- Verify phone_manager:clock_and_text on pg

begin;

-- Each function is there and owned by pm_owner, has the right volatility, and runs with the rights it should; no
-- search_path changes what it means; nobody but the owner may call it.
select f.signature, 1 / count(p.oid)
from (values
    ('core.now()', 'v', false, null),
    ('core.days_ago(integer)', 'v', false, null),
    ('core.rfc3339(timestamptz)', 's', false, null),
    ('core.trim_blanks(text)', 'i', false, null),
    ('core.parse_uuid(text)', 'i', false, null),
    ('core.flush_to_zero(float8)', 'i', false, null),
    ('core.to_float8(numeric)', 'i', false, null)
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
