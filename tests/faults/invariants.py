"""What must hold in a database at rest, whatever was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster import Database

# Each row is a broken rule. A minute at the edge of the retention is left out: it goes by while this looks.
BROKEN = r"""
    with partition as (
        select
            c.oid, c.relname,
            case when c.relname ~ '^locations_\d{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') end as day,
            pg_get_expr(c.relpartbound, c.oid) as bound
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'core.locations'::regclass and c.relname <> 'locations_default'
    ), settings as (
        select now() - make_interval(days => location_retention_days) + interval '1 minute' as cutoff from core.settings
    ), newest as (
        select distinct on (l.device_id) l.*
        from core.locations l, settings s where l.captured_at >= s.cutoff order by l.device_id, l.captured_at desc
    )
    select 'group with more than 20 active devices: ' || group_id as broken
    from core.devices where active group by group_id having count(*) > 20
    union all
    select 'point without a device: ' || l.device_id
    from core.locations l where not exists (select from core.devices d where d.device_id = l.device_id)
    union all
    select 'answer without a device: ' || i.device_id
    from core.idempotency_keys i where not exists (select from core.devices d where d.device_id = i.device_id)
    union all
    select format('point %s of %s is there %s times', captured_at, device_id, count(*))
    from core.locations group by device_id, captured_at having count(*) > 1
    union all
    select format('last location of %s: %s %s, newest point: %s %s', d.device_id, d.last_captured_at, d.last_latitude,
        n.captured_at, n.latitude)
    from core.devices d
    cross join settings s
    left join newest n using (device_id)
    where (n.captured_at, n.latitude) is distinct from (d.last_captured_at, d.last_latitude)
        and (n.captured_at is not null or d.last_captured_at >= s.cutoff)
    union all
    select format('window of key %s: total %s, slots %s', api_key_id, total, slots)
    from core.rate_limits
    where total <> (select sum(s) from unnest(slots) s) or cardinality(slots) <> 61 or 0 > any (slots)
    union all
    select format('partition %s: %s', relname, bound)
    from partition
    where bound <> format(
        'FOR VALUES FROM (%L) TO (%L)', day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC')
"""
DAYS = r"""
    with day as (
        select (now() at time zone 'UTC')::date + n as day
        from core.settings, generate_series(-location_retention_days, 7) n
    ), partition as (
        select case when c.relname ~ '^locations_\d{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') end as day
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'core.locations'::regclass and c.relname <> 'locations_default'
    )
    select format('day %s without a partition', day) from (select day from day except select day from partition) m
    union all
    select format('a partition too many: %s', day) from (select day from partition except select day from day) m
    union all
    select format('%s points without a partition', count(*)) from core.locations_default having count(*) > 0
"""
LOST = """
    select format('point %s of %s', a.ms, a.device_id)
    from unnest($1::uuid[], $2::bigint[]) a(device_id, ms)
    where not exists (
        select from core.locations l
        where l.device_id = a.device_id and l.captured_at = to_timestamp(a.ms / 1000) + a.ms % 1000 * interval '1 ms')
"""


async def check_rules(database: Database) -> None:
    """Every rule of the data holds."""
    assert [row[0] for row in await database.fetch(BROKEN)] == []


async def check_partitions(database: Database) -> None:
    """Every day from the retention to a week ahead has its partition, no other has, and all points are at home."""
    assert [row[0] for row in await database.fetch(DAYS)] == []


async def check_not_lost(database: Database, acknowledged: set[tuple[str, int]]) -> None:
    """All these points are stored."""
    points = sorted(acknowledged)
    lost = await database.fetch(LOST, [device for device, _ in points], [stamp for _, stamp in points])
    assert [row[0] for row in lost] == []
