"""What bench/growth found, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.growth_cases import ANYONE, ID, SINGLE
from bench.stack import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.growth import Cost, Grown
    from bench.growth_cases import Case
    from bench.history import Size

FLAT = 1.1

STORED_SQL = """
with days as (
    select sum(pg_table_size(i.inhrelid)) as heap, sum(pg_indexes_size(i.inhrelid)) as index
    from pg_inherits i
    where i.inhparent = 'core.locations'::regclass
)
select
    round(l.heap / p.number), round(l.index / p.number), pg_table_size('core.devices') / d.number,
    pg_indexes_size('core.devices') / d.number, pg_total_relation_size('core.idempotency_keys') / greatest(a.number, 1),
    pg_total_relation_size('core.group_member_counts') / g.number, pg_database_size(current_database())
from days l, (select count(*) from core.locations) p(number), (select count(*) from core.devices) d(number),
    (select count(*) from core.idempotency_keys) a(number), (select count(*) from core.group_member_counts) g(number)
"""
STORED = ("point", "in its index", "device", "in its indexes", "stored answer", "group", "database, MB")

# Uploads of so many devices, none of whose pages was written since the checkpoint; then the same devices once more.
WRITTEN = 100
WRITTEN_SQL = f"""
\\o /dev/null
create function pg_temp.upload(p_first integer) returns bigint language sql begin atomic
    select count(api.upload_location({SINGLE}{ID.format(ANYONE)}))
    from generate_series(p_first, p_first + {WRITTEN - 1}) n;
end;
select pg_temp.upload(1);
checkpoint;
select pg_current_wal_insert_lsn() as before \\gset
select pg_temp.upload(1001);
select pg_current_wal_insert_lsn() as between \\gset
select pg_temp.upload(1001);
\\o
select (:'between'::pg_lsn - :'before') / {WRITTEN}, (pg_current_wal_insert_lsn() - :'between'::pg_lsn) / {WRITTEN};
"""  # noqa: S608


def costs_table(cases: Sequence[Case], sizes: Sequence[Size], found: Mapping[str, Sequence[Cost]]) -> list[str]:
    """CPU and buffers of a call by the size of the database, and what grows along with points or devices."""
    common = max(sizes, key=lambda size: sum(each.devices == size.devices for each in sizes)).devices
    by_points = [number for number, size in enumerate(sizes) if size.devices == common]
    middle = next(size.points for size in sizes if size.devices != common) if len(by_points) < len(sizes) else 0
    by_devices = [number for number, size in enumerate(sizes) if size.points == middle]
    by_devices.sort(key=lambda number: sizes[number].devices)
    head = [f"{_short(size.points)} points, {_short(size.devices)} devices" for size in sizes]
    lines = [
        "µs of CPU · buffers, of a call",
        "",
        "| | " + " | ".join(head) + " | with points | with devices | read whole |",
        "|---" * (len(sizes) + 4) + "|",
    ]
    for case in cases:
        costs = found[case.title]
        cells = [f"{cost.cpu:,.0f} · {cost.buffers:,.0f}" for cost in costs]
        grown = [_growth([costs[number] for number in axis]) for axis in (by_points, by_devices)]
        scans = ", ".join(str(cost.scans) for cost in costs) if any(cost.scans for cost in costs) else ""
        cells = [case.title, *cells, *grown, scans]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def stored_table(databases: Sequence[Grown]) -> list[str]:
    """Bytes a row, with its share of what is around it."""
    lines = ["Bytes on the disk", "", "| | " + " | ".join(STORED) + " |", "|---" * (len(STORED) + 1) + "|"]
    for database in databases:
        *each, whole = map(int, sql(database.variables, STORED_SQL).split("|"))
        cells = [str(database.size), *(f"{value:,}" for value in each), f"{whole / 1e6:,.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def written_table(databases: Sequence[Grown], batches: Sequence[Cost]) -> list[str]:
    """Bytes of WAL that uploads write."""
    lines = ["Bytes of WAL, a point", ""]
    lines += [
        "| | alone, first to write its pages since a checkpoint | alone, else | of a batch of 50 |",
        "|---" * 4 + "|",
    ]
    for database, batch in zip(databases, batches, strict=False):
        first, other = (float(word) for word in sql(database.variables, _filled(database)).split("|"))
        lines.append(f"| {database.size} | {first:,.0f} | {other:,.0f} | {batch.wal / 50:,.0f} |")
    return lines


def _filled(database: Grown) -> str:
    return WRITTEN_SQL.replace("{n}", "n").replace("{devices}", str(database.size.devices))


def _growth(costs: Sequence[Cost]) -> str:
    """By how much the costliest exceeds the cheapest."""
    if len(costs) < 2:
        return ""
    cpu = max(cost.cpu for cost in costs) / min(cost.cpu for cost in costs)
    buffers = max(cost.buffers for cost in costs) / max(min(cost.buffers for cost in costs), 1)
    return f"flat ({cpu:.2f} · {buffers:.2f})" if max(cpu, buffers) <= FLAT else f"{cpu:.2f} · {buffers:.2f}"


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return str(number)
