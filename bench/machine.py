"""What a result is worth nothing without: the machine, the versions, the settings."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import program
from bench.scenarios import DEVICES, KEYS
from bench.stack import ROOT

if TYPE_CHECKING:
    from bench.options import Options
    from bench.stack import Stack


def describe(stack: Stack, options: Options) -> list[str]:
    """A few lines."""
    settings = stack.sql(
        "select string_agg(name || ' ' || setting, ', ' order by name) from pg_settings"
        " where name in ('fsync', 'synchronous_commit', 'full_page_writes')"
    )
    system = f"{platform.system()} {platform.release()}, {_filesystem(stack.directory)}"
    version = stack.sql("show server_version").split()[0]
    length = f"measurements of {options.seconds:g} s, {options.rounds} rounds"
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"{os.cpu_count()} cores ({_processor()}), {_memory()} GiB, {system}",
        f"PostgreSQL {version} ({settings}), Python {platform.python_version()}",
        f"{DEVICES} devices, {KEYS} keys and a shared one, all requests counted; {length}",
    ]
    if options.settings:
        lines.append("server settings: " + ", ".join(f"{name}={value}" for name, value in options.settings.items()))
    if (ROOT / "config/local.toml").exists():
        lines.append("config/local.toml is there: the server may not have the default configuration")
    return lines


def _commit() -> str:
    try:
        git = (program("git"), "-C", str(ROOT))
        commit = subprocess.check_output(
            (*git, "rev-parse", "--short", "HEAD"), text=True, stderr=subprocess.DEVNULL
        ).strip()
        changed = subprocess.check_output(
            (*git, "status", "--porcelain", "app", "sql", "config", "requirements.txt"), text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _filesystem(directory: Path) -> str:
    """Where fsync costs nothing, figures of uploads mean little."""
    return subprocess.check_output((program("stat"), "-f", "-c", "%T", directory), text=True).strip()
