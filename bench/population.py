"""Whom the load comes from: devices in groups, each with a last location, and API keys."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.processes import program, run
from bench.scenarios import DEVICES, GROUPS, KEYS, MOMENT_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_DAY = 28  # days ago; retention is 30
LIMIT = 1_000_000  # requests a minute: counted, never reached

DEVICES_SQL = """
\\o /dev/null
select count(api.register_device(jsonb_build_object(
    'device_id', '00000000-0000-4000-8000-' || lpad(i::text, 12, '0'),
    'display_name', 'Phone ' || lpad(i::text, 12, '0'),
    'group_id', 'bench-' || lpad((case when i < {groups} * 10 then i % {groups} else {groups} end)::text, 3, '0'))))
from generate_series(0, {devices} - 1) i;
"""

LOCATIONS_SQL = """
select count(api.upload_location(jsonb_build_object(
    'device_id', d.device_id, 'timestamp', {moment}::bigint, 'latitude', 45.27, 'longitude', 13.71, 'accuracy', 6.5,
    'altitude', 124.3, 'bearing', 212.5, 'speed', 13.9, 'battery_level', 71)))
from core.devices d;
vacuum (analyze);
checkpoint;
"""

KEYS_SQL = """
\\o
select (admin.create_api_key(p_name => 'bench ' || i, p_rate_limit_per_minute => {limit})).api_key
from generate_series(1, {number}) i;
"""


@dataclass(frozen=True)
class KeyRing:
    """API keys."""

    many: tuple[str, ...]
    shared: str

    def take(self, number: int) -> tuple[str, ...]:
        """One key that all share, or all the others."""
        return (self.shared,) if number == 1 else self.many


def populate(owner: Mapping[str, str]) -> KeyRing:
    """Fills an empty database."""
    moment = (int(time.time() * 1000) - FIRST_DAY * 86_400_000) // MOMENT_MS * MOMENT_MS
    script = (DEVICES_SQL + LOCATIONS_SQL + KEYS_SQL).format(
        devices=DEVICES, groups=GROUPS, moment=moment, number=KEYS + 1, limit=LIMIT
    )
    keys = run((program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"), owner, given=script).split()
    return KeyRing(tuple(keys[:KEYS]), keys[KEYS])
