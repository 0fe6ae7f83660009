"""What each function costs in databases of many sizes. `python -m bench.growth --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import asyncpg

from bench.growth_cases import BATCHES, CASES, PROBES_SQL, Case
from bench.growth_report import costs_table, stored_table, written_table
from bench.history import Size, fill
from bench.load_history import require_room
from bench.processes import BenchError
from bench.stack import ROOT, deploy, sql, start_cluster
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEMPLATE = "growth"
APPLICATION = "bench/growth"
POINTS = tuple(Size(10_000, points, 1_000) for points in (10_000, 1_000_000, 10_000_000, 30_000_000))
DEVICES = tuple(Size(devices, 1_000_000, devices // 10) for devices in (100, 10_000, 1_000_000))
EXPLAINED = 3
"""Calls whose buffers are counted."""

# Of a table of a few pages, reading it whole is the best plan.
SCANS_SQL = """
select coalesce(json_object_agg(t.relname, t.seq_scan), '{}')
from pg_stat_user_tables t
join pg_class c on c.oid = t.relid
where c.relpages >= 100
    and t.schemaname = 'core'
    and (t.relname ~ '^locations_[0-9]+$' or t.relname in ('devices', 'idempotency_keys', 'audit_log'))
"""


@dataclass
class Cost:
    """What calls of a case cost in one database."""

    rounds: list[float] = field(default_factory=list)
    """Microseconds of CPU a call."""
    buffers: float = 0
    """Pages of 8 KiB touched by a call, cached or not."""
    wal: float = 0
    """Bytes."""
    scans: int = 0
    """How often a table of points, devices, answers or audit entries was read whole that has 100 pages or more."""

    @property
    def cpu(self) -> float:
        """Microseconds of CPU a call: those of the round that was disturbed least."""
        return min(self.rounds)


@dataclass
class Grown:
    """A database of some size."""

    size: Size
    variables: dict[str, str]

    async def connect(self) -> asyncpg.Connection[Any]:
        """A session of the owner."""
        return await asyncpg.connect(
            host=self.variables["PGHOST"],
            port=int(self.variables["PGPORT"]),
            user=self.variables["PGUSER"],
            password=self.variables["PGPASSWORD"],
            database=self.variables["PGDATABASE"],
            server_settings={"application_name": APPLICATION},
        )


class Series:
    """Calls of a case in one session."""

    def __init__(self, case: Case, size: Size, session: asyncpg.Connection[Any]) -> None:
        """Nothing is called yet."""
        self._case = case
        self._size = size
        self._session = session
        self._number = 0
        self._schedstat = Path(f"/proc/{session.get_server_pid()}/schedstat")

    async def call(self, count: int) -> float:
        """Calls it so often; returns the microseconds of CPU a call."""
        statement = await self._session.prepare(self._statement("$1::text::jsonb"))
        taken = 0
        for _ in range(count):
            argument = await self._next()
            before = self._cpu()
            await statement.fetch(*([argument] if "$1" in self._case.call else []))
            taken += self._cpu() - before
        return taken / count / 1000

    async def explain(self) -> tuple[float, float]:
        """Calls it once more; returns the buffers it touched, and bytes of WAL."""
        argument = await self._next()
        literal = "null::jsonb" if argument is None else "'" + argument.replace("'", "''") + "'::jsonb"
        told = await self._session.fetchval(
            f"explain (analyze, buffers, wal, timing off, format json) {self._statement(literal)}"
        )
        plan = json.loads(told)[0]["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["WAL Bytes"]

    async def report(self) -> None:
        """Has the session tell what it has read so far."""
        await self._session.execute("select pg_stat_force_next_flush()")

    def _statement(self, argument: str) -> str:
        return "select * from " + self._case.call.replace("$1", argument)  # noqa: S608

    async def _next(self) -> str | None:
        """The argument of the next call, once everything is ready for it."""
        names = {"n": self._number, "devices": self._size.devices}
        self._number += 1
        if self._case.before:
            await self._session.execute(self._case.before.format_map(names))
        argument: str | None = await self._session.fetchval(f"select ({self._case.argument.format_map(names)})::text")
        return argument

    def _cpu(self) -> int:
        """Nanoseconds."""
        return int(self._schedstat.read_text().split()[0])


async def measure(case: Case, databases: Sequence[Grown], rounds: int) -> list[Cost]:
    """The cost of a case in each database; they take turns, so that all see the same disturbances."""
    costs = [Cost() for _ in databases]
    before = [_scans(database) for database in databases]
    async with AsyncExitStack() as stack:
        series = []
        for database in databases:
            session = await database.connect()
            stack.push_async_callback(session.close)
            series.append(Series(case, database.size, session))
        for each in series:
            await each.call(case.warm)
        for _ in range(rounds):
            for each, cost in zip(series, costs, strict=True):
                cost.rounds.append(await each.call(case.calls))
        for each, cost in zip(series, costs, strict=True):
            seen = [await each.explain() for _ in range(EXPLAINED)]
            cost.buffers, cost.wal = (median(values) for values in zip(*seen, strict=True))
            await each.report()
    for database, cost, earlier in zip(databases, costs, before, strict=True):
        cost.scans = sum(number - earlier.get(table, number) for table, number in _scans(database).items())
    return costs


def _scans(database: Grown) -> dict[str, int]:
    found: dict[str, int] = json.loads(sql(database.variables, SCANS_SQL))
    return found


def grow(owner: Mapping[str, str], sizes: Sequence[Size]) -> list[Grown]:
    """A database of each size, none of which is the one that pg_cron works in."""
    template = {**owner, "PGDATABASE": TEMPLATE}
    sql(owner, f"create database {TEMPLATE}")
    deploy(template, ROOT)
    databases = []
    for position, size in enumerate(sizes):
        database = Grown(size, {**owner, "PGDATABASE": f"{TEMPLATE}_{position}"})
        sql(owner, f"create database {TEMPLATE}_{position} template {TEMPLATE}")
        print(f"[growth] filling: {size}", flush=True)
        fill(database.variables, size, lambda _: None)
        sql(database.variables, PROBES_SQL.format(devices=size.devices, points=size.points))
        databases.append(database)
    return databases


def main(arguments: Sequence[str] | None = None) -> int:
    """Fills databases, measures, prints tables; 1 where a table of points was read whole."""
    parser = argparse.ArgumentParser("bench/growth", description="Measures what grows with the installation.")
    parser.add_argument("--most-points", metavar="N", type=int, default=30_000_000, help="leave out larger databases")
    parser.add_argument("--most-devices", metavar="N", type=int, default=1_000_000, help="the same by devices")
    parser.add_argument("--rounds", metavar="N", type=int, default=10)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose title has this text")
    given = parser.parse_args(arguments)
    sizes = [
        size
        for size in dict.fromkeys((*POINTS, *DEVICES))
        if size.points <= given.most_points and size.devices <= given.most_devices
    ]
    cases = [case for case in CASES if given.only in case.title]
    stop_on_signals()
    try:
        with temporary_directory() as directory:
            require_room(directory, sizes)
            place = directory / "0"
            place.mkdir(mode=0o711)
            with start_cluster(ROOT, place / "cluster") as owner:
                databases = grow(owner, sizes)
                found: dict[str, list[Cost]] = {}
                for case in cases:
                    costs = found[case.title] = asyncio.run(measure(case, databases, given.rounds))
                    told = ", ".join(f"{cost.cpu:,.0f} µs {cost.buffers:,.0f} buffers" for cost in costs)
                    print(f"[growth] {case.title}: {told}", flush=True)
                lines = [
                    *costs_table(cases, sizes, found),
                    "",
                    *stored_table(databases),
                    "",
                    *written_table(databases, found.get(BATCHES, [])),
                ]
                bad = [case.title for case in cases if not case.reads_whole and any(c.scans for c in found[case.title])]
    except BenchError as error:
        print(f"[growth] error: {error}", file=sys.stderr)
        return 1
    print("\n" + "\n".join(lines))
    if bad:
        print(f"\n!!! A table was read whole, and should not be: {', '.join(bad)}.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
