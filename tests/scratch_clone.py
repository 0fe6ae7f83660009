"""A clone of this repository, with what is not committed yet, in which a test may change, release and tag."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.own_cluster import Outcome, run
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GIT = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
}
UNRELEASED = "## Unreleased\n\n- "


@dataclass(frozen=True)
class Clone:
    """A directory with a clone."""

    directory: Path

    async def run(self, *command: str, **environment: str) -> Outcome:
        """Runs a program in it."""
        cluster = {"PM_TEST_CLUSTER": os.environ["PM_TEST_CLUSTER"]}
        return await run("env", "-C", str(self.directory), *command, **{**GIT, **cluster, **environment})

    async def commit(self, message: str) -> None:
        """Commits everything."""
        (await self.run("git", "add", "--all")).succeeded()
        (await self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)).succeeded()

    async def note_change(self, change: str) -> None:
        """Adds a line to the unreleased changes, and commits all that is there."""
        changelog = self.directory / "CHANGELOG.md"
        text = changelog.read_text()
        if UNRELEASED not in text:
            text = text.replace("\n## ", f"\n{UNRELEASED}Something.\n\n## ", 1)
        changelog.write_text(text.replace(UNRELEASED, f"{UNRELEASED}{change}\n- ", 1))
        await self.commit(change)

    async def next_versions(self) -> tuple[str, str]:
        """Two versions that come after all that were released."""
        tags = (await self.run("git", "tag", "--list", "v*")).succeeded().split()
        major = max((int(tag[1:].split(".")[0]) for tag in tags), default=0) + 1
        return f"{major}.0.0", f"{major}.1.0"


async def scratch_clone(directory: Path) -> Clone:
    """Makes one."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: git clone the project to test releases")
    (await run("git", "clone", "--quiet", str(ROOT), str(directory))).succeeded()
    clone = Clone(directory)
    for name, value in (("user.name", "Test"), ("user.email", "test@localhost")):
        (await clone.run("git", "config", name, value)).succeeded()
    listed = await run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in listed.succeeded().rstrip("\0").split("\0"):
        source, target = ROOT / name, directory / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            target.unlink(missing_ok=True)
    await clone.commit("What is not committed yet")
    return clone
