"""docs/api.md: each curl works, and gets what the page shows."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import CODES
from app.routes import ENDPOINTS
from tests.conftest import now_ms
from tests.server import ROOT, Server, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Database

GUIDE = (ROOT / "docs/api.md").read_text()
BLOCK = re.compile(r"^```(sh|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = re.compile(r"HTTP/1\.1 (\d+).*\n((?:[A-Za-z-]+: .*\n)*)\n?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CHANGING = ("latency_ms", "retry_after", "Retry-After")


@dataclass
class Example:
    """A script, and the answers that the page shows below it."""

    heading: str
    script: str
    shown: str

    def __str__(self) -> str:
        """Its heading, for the reports of tests."""
        return self.heading


@dataclass
class Answer:
    """An answer as curl -i shows it."""

    status: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def examples() -> Iterator[Example]:
    """The examples of the page, in its order."""
    for section in re.split(r"^##+ ", GUIDE, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        blocks = BLOCK.findall(text)
        for (kind, script), (shown_kind, shown) in zip(blocks[::2], blocks[1::2], strict=True):
            assert (kind, shown_kind) == ("sh", "http")
            yield Example(heading, script, shown)


EXAMPLES = list(examples())


def answers(text: str) -> list[Answer]:
    """The answers in what curl wrote; a body may stand alone."""
    parts = HEAD.split(text.replace("\r\n", "\n"))
    if not HEAD.match(text.replace("\r\n", "\n")):
        return [Answer("", {}, text)]
    found = []
    for status, head, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        headers = dict(line.split(": ", 1) for line in head.splitlines())
        if status != "100":
            found.append(Answer(status, {name.lower(): value for name, value in headers.items()}, body))
    return found


def lasting(value: Any) -> Any:
    """A value without what is different each time."""
    if isinstance(value, dict):
        return {name: "…" if name in CHANGING and part is not None else lasting(part) for name, part in value.items()}
    if isinstance(value, list):
        return [lasting(part) for part in value]
    return "TIME" if isinstance(value, str) and TIME.fullmatch(value) else value


def part_of(shown: Any, value: Any) -> Any:
    """The part of a value that is shown."""
    if isinstance(shown, dict) and isinstance(value, dict):
        return {name: part_of(shown[name], part) for name, part in value.items() if name in shown}
    if isinstance(shown, list) and isinstance(value, list) and len(shown) == len(value):
        return [part_of(*pair) for pair in zip(shown, value, strict=True)]
    return value


async def run(server: Server, directory: Path, script: str) -> str:
    """What a script of the page writes; curl is quiet."""
    variables = BLOCK.findall(GUIDE)[0][1].replace("http://localhost:8080", server.url)
    variables = variables.replace("$(date +%s%3N)", (directory / "now").read_text())
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", variables + script),
        cwd=directory,
        env={**os.environ, "CURL_HOME": str(directory)},
        stdout=asyncio.subprocess.PIPE,
    )
    written, _ = await process.communicate()
    return written.decode()


def check(example: Example, written: str) -> None:
    """What curl wrote is what the page shows: the status, the headers and the body where there are any."""
    expected, given = answers(example.shown), answers(written)
    assert [one.status for one in given] == [one.status for one in expected], written
    for shown, got in zip(expected, given, strict=True):
        for name, value in shown.headers.items():
            assert got.headers[name].isdigit() if value.isdigit() else got.headers[name] == value
        if shown.body:
            wanted, body = lasting(json.loads(shown.body)), lasting(json.loads(got.body))
            assert (part_of(wanted, body) if example.heading.startswith("Export") else body) == wanted


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the scripts run, as if it was the project's directory."""
    made = tmp_path_factory.mktemp("guide")
    (made / ".dev").mkdir()
    (made / ".curlrc").write_text("silent\n")
    (made / "now").write_text(str(now_ms()))
    return made


async def test_each_example_is_true(module_database: Database, directory: Path, server: Server) -> None:
    for name, admin in (("api-key", False), ("admin-key", True)):
        key = await module_database.create_key(name, admin=admin, rate_limit=None)
        (directory / ".dev" / name).write_text(key)
    for example in EXAMPLES:
        if example.heading.startswith("408"):
            assert "sleep 31" in example.script
            async with serve(module_database.api_url, directory, server__request_timeout_seconds="1") as hasty:
                check(example, await run(hasty, directory, example.script.replace("sleep 31", "sleep 2")))
        elif example.heading.startswith("500"):
            await module_database.execute("alter function core.group_listing rename to gone")
            check(example, await run(server, directory, example.script))
            await module_database.execute("alter function core.gone rename to group_listing")
        elif example.heading.startswith("503"):
            async with serve("postgresql://nobody@127.0.0.1:9/none", directory, ready=False) as alone:
                await run(alone, directory, "until curl ${api%/v1}/health/live; do :; done")
                check(example, await run(alone, directory, example.script))
        else:
            check(example, await run(server, directory, example.script))


def test_the_page_has_every_error() -> None:
    headings = {example.heading for example in EXAMPLES}
    assert {f"{status} {code}" for status, code in CODES.items()} <= headings


def test_the_page_has_every_endpoint() -> None:
    scripts = re.sub(r"\$(mum|dad)", "{device_id}", "".join(example.script for example in EXAMPLES))
    for endpoint in ENDPOINTS:
        address = "$api" + endpoint.path.removeprefix("/api/v1")
        wanted = re.escape(address) + r"[? \"]"
        calls = [line for line in scripts.splitlines() if re.search(wanted, line)]
        assert any(("-X DELETE" in line) == (endpoint.method == "DELETE") for line in calls), endpoint
