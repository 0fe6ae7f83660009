"""A month as phones leave it behind: devices in groups and their points, in the partitions of their days.

Rows go straight into a partition, in the order in which phones would have sent them: all devices by turns, so that the
points of one are spread over the pages of a day. Foreign keys are not checked row by row, but once in the end, with all
else that a service would have kept right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bench.processes import BenchError
from bench.stack import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DAY_MS = 86_400_000
MARGIN_MS = 3_600_000  # the oldest points are so far from the end of their retention
PLACES = 20  # of a group

# Ids are random as real ones are: neighbours in an index come from everywhere. Positions drift around a home.
DEVICE = "md5('phone ' || {n})::uuid"
POINT = """
    46 + n % 997 / 1000::float8 + 0.01::float8 * sin(n + k / {devices}::float8) as latitude,
    13 + n % 991 / 1000::float8 + 0.01::float8 * cos(n + k / {devices}::float8) as longitude,
    120.5 + k % 80 as altitude, 4 + k % 25 as accuracy, (k + n * 7) % 360 as bearing, k % 30 as speed,
    100 - k / {devices} % 100 as battery_level
"""
NUMBERS = "latitude, longitude, altitude, accuracy, bearing, speed, battery_level"
COLUMNS = f"device_id, captured_at, created_at, {NUMBERS}, provider, network_type"
LAST_COLUMNS = ", ".join(f"last_{name}" for name in ("captured_at", *NUMBERS.split(", ")))

DEVICES_SQL = """
set synchronous_commit = off;
insert into core.devices (device_id, display_name, group_id, last_seen_at, {last_columns}, created_at, updated_at)
select {device}, 'Phone ' || n, 'group-' || n % {groups}, to_timestamp({start} / 1000.0), p.*,
    to_timestamp({start} / 1000.0), to_timestamp({start} / 1000.0)
from (
    select n, {points} - 1 - ({points} - 1 - n) % {devices} as k from generate_series(0, {devices}::bigint - 1) n
) d
left join lateral (select {captured_at}, {point}) p on k < {points}
order by {device};
vacuum analyze core.devices;
refresh materialized view core.group_member_counts;
"""

# VACUUM ANALYZE of the partitions, but not of the table above them, is what autovacuum does.
POINTS_SQL = """
set session_replication_role = replica;
set synchronous_commit = off;
insert into {partition} ({columns})
select {device}, {captured_at}, {captured_at} + interval '2 s', {numbers}, 'fused', 'wifi'
from (
    select k, n, {point} from (select k, k % {devices} as n from generate_series({first}::bigint, {last}::bigint) k) i
) p;
vacuum analyze {partition};
"""

# Newest points by hashing them all; each is then looked up, which prunes partitions.
CHECK_SQL = """
set work_mem = '256MB';
create temporary table newest as
select l.device_id, count(*) as points, max(l.captured_at) as captured_at from core.locations l group by l.device_id;
create unique index on newest (device_id);
analyze newest;
set enable_hashjoin = off;
set enable_mergejoin = off;
select
    (select coalesce(sum(n.points), 0) from newest n),
    (select count(*) from core.locations_default),
    (select count(*) from newest n where not exists (select from core.devices d where d.device_id = n.device_id)),
    (select count(*) from core.devices),
    count(*) filter (where
        d.last_captured_at is distinct from n.captured_at
        or d.last_captured_at is not null and not exists (
            select
            from core.locations l
            where l.device_id = d.device_id and l.captured_at = d.last_captured_at
                and (l.latitude, l.longitude, l.altitude, l.accuracy, l.bearing, l.speed, l.battery_level)
                = (d.last_latitude, d.last_longitude, d.last_altitude, d.last_accuracy, d.last_bearing, d.last_speed,
                    d.last_battery_level)))
from core.devices d
left join newest n on n.device_id = d.device_id;
"""


@dataclass(frozen=True)
class Size:
    """How much there shall be."""

    devices: int
    points: int
    groups: int
    days: int = 30

    def __str__(self) -> str:
        return f"{self.points:,} points, {self.devices:,} devices, {self.groups:,} groups, {self.days} days"

    def check(self) -> None:
        """Refuses what the schema would refuse, or could not tell apart."""
        if min(self.devices, self.points, self.groups, self.days) < 1:
            raise BenchError("Devices, points, groups and days must be 1 or more.")
        if self.devices > self.groups * PLACES:
            raise BenchError(f"A group has {PLACES} places: {self.devices:,} devices need more groups.")
        if self.points > self.devices * self.days * DAY_MS // 1000:
            raise BenchError("No phone sends more than a point a second: too few devices.")


def fill(owner: Mapping[str, str], size: Size, tell: Callable[[str], None]) -> None:
    """Fills an empty database with the days up to now, and checks what is there then."""
    size.check()
    now = int(time.time() * 1000)
    start = now - size.days * DAY_MS + MARGIN_MS
    names = {
        "start": start,
        "columns": COLUMNS,
        "numbers": NUMBERS,
        "last_columns": LAST_COLUMNS,
        "devices": size.devices,
        "groups": size.groups,
        "points": size.points,
        "device": DEVICE.format(n="n"),
        "captured_at": f"to_timestamp(({start} + k * {now - start} / {size.points}) / 1000.0)",
        "point": POINT.format(devices=size.devices),
    }
    began = time.monotonic()
    sql(owner, DEVICES_SQL.format_map(names))
    tell(f"{size.devices:,} devices, {size.devices / (time.monotonic() - began):,.0f}/s")

    began, done = time.monotonic(), 0
    for partition, first, last in _days(start, now, size.points):
        if last >= first:
            sql(owner, POINTS_SQL.format(partition=partition, first=first, last=last, **names))
            done = last + 1
            rate = done / (time.monotonic() - began)
            tell(f"{partition}: {done:,} points, {rate:,.0f}/s, {(size.points - done) / rate:.0f} s to go")
    _check(owner, size)
    tell("checked: all points are there, and each device's last location is its newest point")


def _days(start: int, end: int, points: int) -> Iterator[tuple[str, int, int]]:
    """For each UTC day: its partition, and its first and last point, by their numbers in time."""
    for day in range(start // DAY_MS, end // DAY_MS + 1):
        name = datetime.fromtimestamp(0, UTC) + timedelta(days=day)
        # Point k is captured at start + k * (end - start) // points: the first k at or after midnight.
        first = max(-((start - day * DAY_MS) * points // (end - start)), 0)
        beyond = -((start - (day + 1) * DAY_MS) * points // (end - start))
        yield f"core.locations_{name:%Y%m%d}", first, min(beyond, points) - 1


def _check(owner: Mapping[str, str], size: Size) -> None:
    points, astray, orphans, devices, wrong = map(int, sql(owner, CHECK_SQL).split("|"))
    if (points, astray, orphans, devices, wrong) != (size.points, 0, 0, size.devices, 0):
        raise BenchError(
            f"There are {points} points, {astray} of them without a partition and those of {orphans} devices without"
            f" their device; {devices} devices, {wrong} of them with another last location than their newest point."
        )
