"""docs/runbook.md: each line that it has a DBA type works on an empty server, and shows what the runbook says.

Where the runbook shows something else, put what this test shows there.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.own_cluster import WHO, own_cluster, run
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

RUNBOOK = ROOT / "docs" / "runbook.md"
BUNDLED = ("sqitch.conf", "sqitch.plan", "deploy", "revert", "verify", "sql")  # unreleased, they need sql
END = "@@@"
CHANGING = (
    (r"pm_[A-Za-z0-9_-]{45}", "KEY"),
    (r"[0-9a-f]{40}", "CHANGE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", "TIME"),
    (r"By:.*", "By: SOMEBODY"),
    (r"# Tag:.*", ""),
    (r"(?<=schema_version. : )\d+", "VERSION"),
    (r"Name:.*", "Name: CHANGE"),
    (r"(?<=deploy phone_manager:).*", "CHANGE"),
    (r" @v[\d.]+", ""),
    (r" \.{2,} ", " .. "),
    (r"-{2,}", "--"),
    (r" +", " "),
)


@dataclass
class Step:
    """A command, and what it showed; a line "…" stands for any lines."""

    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def lasting(self) -> list[str]:
        """What is shown each time."""
        lines = []
        for line in self.shown:
            for pattern, name in CHANGING:
                line = re.sub(pattern, name, line)  # noqa: PLW2901
            lines.append(line.strip())
        return [line for line in lines if line]

    def matches(self, real: Step) -> bool:
        """Whether this is what was really shown."""
        parts = [re.escape(line) if line != "…" else r".*?" for line in self.lasting]
        return re.fullmatch(r"\n".join(parts), "\n".join(real.lasting), re.DOTALL) is not None


def steps() -> list[Step]:
    """The steps of the runbook: a command begins with $, goes on with >, and is followed by what it shows."""
    found: list[Step] = []
    for line in RUNBOOK.read_text().splitlines():
        if line.startswith("    $ "):
            found.append(Step(line.removeprefix("    $ ")))
        elif line.startswith("    > "):
            found[-1].command += "\n" + line.removeprefix("    > ")
        elif line.startswith("    ") and found:
            found[-1].shown.append(line.removeprefix("    "))
    return found


def make_bundle(directory: Path) -> Path:
    """A directory as sqitch bundle makes it, with a script of all steps."""
    bundle = directory / "bundle"
    bundle.mkdir()
    for name in BUNDLED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, bundle / name)
    (bundle / "steps.sh").write_text("".join(f"{step.command}\necho {END}\n" for step in steps()))
    return bundle


@pytest_asyncio.fixture(scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """The steps as they really go, in one shell, on a server that has pg_cron and nothing else."""
    bundle = make_bundle(tmp_path_factory.mktemp("runbook"))
    async with own_cluster(bundle.parent / "cluster") as cluster:
        await cluster.drop("phone_manager")
        environment = {name: value for name, value in cluster.environment.items() if name != "PGDATABASE"}
        outcome = await run("env", "-C", str(bundle), "bash", "steps.sh", **WHO, **environment)
    shown = outcome.succeeded().split(f"{END}\n")[:-1]
    return [Step(step.command, text.splitlines()) for step, text in zip(steps(), shown, strict=True)]


@pytest.mark.parametrize("number", range(len(steps())))
def test_a_line_of_the_runbook_shows_what_it_says(real: list[Step], number: int) -> None:
    assert steps()[number].matches(real[number]), "\n".join(real[number].shown)


def test_the_runbook_has_steps() -> None:
    assert len(steps()) > 12
