"""A rolling deployment: the last release's API on the schema of today, by its own tests of the contract."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.test_behind_pgbouncer import CONTRACT
from tests.own_cluster import run

if TYPE_CHECKING:
    from pathlib import Path


UNPACK = 'set -o pipefail; mkdir "$2"; git archive "$1" | tar -x -C "$2"'


async def last_release() -> str:
    """The tag of the last release before this commit."""
    tags = await run("git", "tag", "--list", "v*", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-v:refname")
    if tags.code != 0 or not tags.output:
        pytest.skip("there is no release before this commit, or this clone has no tags: git fetch --tags --unshallow")
    return tags.output.split()[0]


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("cluster")
async def test_the_contract_holds(tmp_path: Path) -> None:
    """Its tests clone the template of this run, which has the schema of today."""
    tag = await last_release()
    directory = tmp_path / "release"
    (await run("bash", "-c", UNPACK, "unpack", tag, str(directory))).succeeded()
    modules = [f"tests/test_{module}.py" for module in CONTRACT.split()]
    outcome = await run(
        "env", "-C", str(directory), sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadfile",
        "-m", "not long", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "pytest"),
        *(module for module in modules if (directory / module).exists()),
    )  # fmt: skip
    assert " passed" in outcome.succeeded()
