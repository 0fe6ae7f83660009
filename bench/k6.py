"""k6 with scripts/load-test.js, which reads its requests from a file and all else from the environment."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from bench.processes import program
from bench.scenarios import mix
from bench.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

THRESHOLD = 99
"""The exit code of a run that kept no threshold."""


def load_test(directory: Path, given: Mapping[str, object]) -> tuple[list[str], dict[str, str]]:
    """The command that runs it with these variables, and the environment to add. A directory takes its files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a user of the load is a connection
    file = directory / "mix.json"
    file.write_text(mix())
    command = [program("k6"), "run", "--quiet", "--no-usage-report", "--no-color", "--address", ""]
    environment = {"MIX": str(file), **{name: str(value) for name, value in given.items()}}
    return [*command, str(ROOT / "scripts/load-test.js")], environment
