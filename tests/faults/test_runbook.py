"""docs/runbook.md: each line that it has a DBA type works on an empty server, and shows what the runbook says.

Where the runbook shows something else, put what this test shows there.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.own_cluster import WHO, own_cluster, run
from tests.server import ROOT
from tests.transcripts import Step, read_steps

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


def steps() -> list[Step]:
    """The steps of the runbook."""
    return read_steps(RUNBOOK, "$", ">", CHANGING)


def make_bundle(directory: Path) -> Path:
    """A directory as sqitch bundle makes it, with a script of all steps."""
    bundle = directory / "bundle"
    bundle.mkdir()
    for name in BUNDLED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, bundle / name)
    (bundle / "steps.sh").write_text("".join(f"{step.typed}\necho {END}\n" for step in steps()))
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
    return [step.really(text) for step, text in zip(steps(), shown, strict=True)]


@pytest.mark.parametrize("number", range(len(steps())))
def test_a_line_of_the_runbook_shows_what_it_says(real: list[Step], number: int) -> None:
    assert steps()[number].matches(real[number]), "\n".join(real[number].shown)


def test_the_runbook_has_steps() -> None:
    assert len(steps()) > 12
