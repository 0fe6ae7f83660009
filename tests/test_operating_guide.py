"""docs/operating.md: each line that it has operators type works, and shows what the guide says.

Where the guide shows something else, put what this test shows there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.operators import make_psql
from tests.server import ROOT
from tests.transcripts import Step, read_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

GUIDE = ROOT / "docs" / "operating.md"
END = "@@@"
# The household of the guide: what make run leaves behind, and phones of five people.
HOUSEHOLD = (
    "select admin.create_api_key('make run'), admin.create_api_key('make run (admin)', true)",
    """
    insert into core.devices (device_id, display_name, group_id, active, last_seen_at, last_captured_at, updated_at)
    select
        d.id::uuid, d.name, d.group_id, d.active, now() - d.seen::interval, now() - d.captured::interval,
        now() - d.changed::interval
    from (values
        ('6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11', 'Anna', 'family', true, '0', null, '90 days'),
        ('0b8f2f0a-9d0e-4b53-8a52-6a2f7d3d5c02', 'Ben', 'family', true, '3 days', '3 days', '90 days'),
        ('c2a6f3de-51b7-4b0f-9f3e-0d9a4b7e1f03', 'Carla', 'family', true, '10 minutes', '2 days', '90 days'),
        ('d4e1b7a9-7c3d-4e8a-8b1f-5f6e2a9c0d04', 'Dora', 'family', false, '400 days', null, '400 days'),
        ('e97d5c31-2b84-4f6d-a0c7-1e3b8d4f6a05', 'Hannah', 'friends', true, '1 hour', '1 hour', '90 days')
    ) d(id, name, group_id, active, seen, captured, changed)
    """,
    """
    select api.upload_locations(jsonb_build_object(
        'device_id', '6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11',
        'locations', jsonb_agg(jsonb_build_object(
            'timestamp', trunc(extract(epoch from now() - make_interval(mins => 5 * n)) * 1000), 'latitude', 45.27,
            'longitude', 13.71, 'accuracy', 5 + n, 'battery_level', 80 + n, 'provider', 'gps'))))
    from generate_series(0, 11) n
    """,
    "call jobs.ensure_partitions()",
    "call jobs.cleanup_locations()",
    "analyze core.locations, core.devices",
)
# What is different each time.
CHANGING = (
    (r"pm_[A-Za-z0-9_-]{45}", "KEY"),
    (r"role \w+", "role ROLE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"-?\d\d:\d\d:\d\d(\.\d+)?", "DURATION"),
    (r"\d+ (bytes|kB|MB)", "SIZE"),
    (r"-{2,}", "--"),
    (r" +", " "),
    (r"\| \d+ (?=\| SIZE)", "| ROWS "),
    (r"(?<=\(estimate\)) \| \d+", " | ROWS"),
)


def steps() -> list[Step]:
    """The steps of the guide."""
    return read_steps(GUIDE, "=>", "->", CHANGING)


async def work_through(database: Database, directory: Path) -> list[Step]:
    """Runs the steps of the guide in one session; returns them with what they really show."""
    for statement in HOUSEHOLD:
        await database.execute(statement)
    script = directory / "guide.sql"
    script.write_text("".join(f"{step.typed}\n\\echo {END}\n" for step in steps()))
    output = (await make_psql(database, script)).succeeded()
    shown = output.split(f"{END}\n")[:-1]
    return [step.really(text) for step, text in zip(steps(), shown, strict=True)]


@pytest_asyncio.fixture(scope="module")
async def real(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """The steps as they really go."""
    return await work_through(module_database, tmp_path_factory.mktemp("guide"))


@pytest.mark.parametrize("number", range(len(steps())))
def test_a_line_of_the_guide_shows_what_it_says(real: list[Step], number: int) -> None:
    step = steps()[number]
    assert step.lasting, "the guide shows something"
    assert step.lasting == real[number].lasting, "\n".join(real[number].shown)


def test_the_guide_names_all_that_can_be_done_with_devices() -> None:
    assert len(steps()) > 20
    text = GUIDE.read_text()
    assert all(f"admin.{path.stem}" in text for path in (ROOT / "sql" / "functions" / "admin").glob("*_device*.sql"))
