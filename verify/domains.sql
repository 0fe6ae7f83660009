-- Verify phone_manager:domains on pg

begin;

-- Each domain is there, of its type, owned by pm_owner, and has a rule.
select e.name, 1 / count(t.oid)
from (values
    ('device_name', 'text'),
    ('group_name', 'text'),
    ('platform', 'text'),
    ('fcm_token', 'text'),
    ('latitude', 'double precision'),
    ('longitude', 'double precision'),
    ('altitude', 'double precision'),
    ('accuracy', 'real'),
    ('bearing', 'real'),
    ('speed', 'real'),
    ('battery_level', 'smallint'),
    ('rate_limit_class', 'text')
) e(name, type)
left join pg_catalog.pg_type t
    on t.typnamespace = 'core'::regnamespace
    and t.typname = e.name
    and t.typtype = 'd'
    and format_type(t.typbasetype, t.typtypmod) = e.type
    and t.typowner = 'pm_owner'::regrole
    and exists (select from pg_catalog.pg_constraint o where o.contypid = t.oid and o.contype = 'c' and o.convalidated)
group by e.name;

rollback;
