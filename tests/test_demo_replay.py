"""The replay tool against a real server: all points arrive, and a second replay stores nothing."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo import cli
from demo.tracks import read_track
from tests.own_cluster import run
from tests.server import ROOT

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.server import Server

SHIPPED = sorted(cli.SHIPPED.glob("*.gpx"))
RECORDED = sorted(Path(os.environ.get("PM_TRACKS", "nowhere")).glob("*.gpx"))
MODES = ("mixed", "single", "batch")
STORED = """
    select d.display_name as name, count(l) as points, count(distinct l.captured_at) as moments
    from core.devices d left join core.locations l using (device_id) where d.group_id = $1 group by d.device_id
"""


@pytest.fixture
async def key_file(module_database: Database, tmp_path: Path) -> Path:
    """A file with a key."""
    path = tmp_path / "key"
    path.write_text(await module_database.create_key("demo") + "\n")
    return path


def options(server: Server, group: str, key_file: Path) -> list[str]:
    """The options of a quick replay to that server that leaves its traces beside the key."""
    state = key_file.with_name("state.json")
    return [
        "--url",
        server.url,
        "--group",
        group,
        "--api-key-file",
        str(key_file),
        "--state-file",
        str(state),
        "--speed",
        "0",
    ]


async def replay(*arguments: str | Path) -> int:
    """Runs the tool, which has an event loop of its own."""
    return await asyncio.to_thread(cli.main, [str(argument) for argument in arguments])


async def stored(database: Database, group: str) -> dict[str, tuple[int, int]]:
    """How many points each phone of a group has, and how many moments."""
    return {row["name"]: (row["points"], row["moments"]) for row in await database.fetch(STORED, group)}


def expected(*files: Path) -> dict[str, tuple[int, int]]:
    """What should be stored: points that share a moment count once."""
    tracks = [read_track(path) for path in files]
    return {track.display_name: (len(track.points) - track.repeated,) * 2 for track in tracks}


async def check_replays(
    server: Server, database: Database, capsys: pytest.CaptureFixture[str], options: list[str], files: list[Path]
) -> None:
    """The first replay stores all there is, the second nothing; each shows the group."""
    group = options[options.index("--group") + 1]
    whole = expected(*files)
    total = sum(points for points, _ in whole.values())
    sent = sum(len(read_track(path).points) for path in files)
    for new in (total, 0):
        assert await replay(*options, *files) == 0, server.log
        assert await stored(database, group) == whole
        shown = capsys.readouterr().out
        assert f"{sent} points sent: {new} stored new, {sent - new} duplicates, 0 failed" in shown
        listing = shown[shown.index(f"Group {group}") :]
        for name in whole:
            assert re.search(rf"{re.escape(name)} .*\d+ m .*\d+ %", listing)


@pytest.mark.parametrize("mode", MODES)
async def test_the_shipped_tracks(
    server: Server,
    module_database: Database,
    group: str,
    key_file: Path,
    capsys: pytest.CaptureFixture[str],
    mode: str,
) -> None:
    given = options(server, group, key_file)
    await check_replays(server, module_database, capsys, [*given, "--mode", mode], SHIPPED)
    # However they are sent, they are the same points; without files it is the shipped tracks that are replayed.
    before = await stored(module_database, group)
    for other in MODES:
        assert await replay(*given, "--mode", other) == 0
    assert await stored(module_database, group) == before


async def test_the_script(server: Server, module_database: Database, group: str, key_file: Path) -> None:
    outcome = await run("scripts/replay", *options(server, group, key_file), "--max-points", "30")
    shown = outcome.succeeded()
    assert f"Group {group}" in shown
    whole = await stored(module_database, group)
    assert whole
    assert {points for points, _ in whole.values()} == {30}
    assert "0 failed" in (await run(str(ROOT / "scripts" / "replay"), *options(server, group, key_file))).succeeded()


@pytest.mark.skipif(not RECORDED, reason="PM_TRACKS names no directory with GPX files")
async def test_recorded_tracks(
    server: Server, module_database: Database, group: str, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await check_replays(server, module_database, capsys, options(server, group, key_file), RECORDED)


async def test_a_refused_key_is_told(
    server: Server, group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "key"
    wrong.write_text("pm_" + "x" * 45)
    assert await replay(*options(server, group, wrong)) == 2
    assert "The server refuses the API key." in capsys.readouterr().err
