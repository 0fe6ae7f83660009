"""Running programs, and the CPU time that processes took."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TICKS = os.sysconf("SC_CLK_TCK")
LONGEST_SECONDS = 600


class BenchError(Exception):
    """Why the run cannot go on, in a line for people."""


def program(name: str) -> str:
    """The path of a program; PostgreSQL's own come first, before the wrappers that some systems have."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    path = str(found[-1]) if found else shutil.which(name) or shutil.which(Path(sys.executable).parent / name)
    if path is None:
        raise BenchError(f"The program {name} is missing.")
    return path


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    given: str | None = None,
) -> str:
    """Runs a command to its end and returns what it printed; environment is added to this process's own."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
        input=given or "",
    )
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return str(done.stdout)


@dataclass(frozen=True)
class CpuTime:
    """Seconds of CPU time, by who took them."""

    server: float
    postgres: float
    load: float
    everyone: float

    def __sub__(self, earlier: CpuTime) -> CpuTime:
        """What was taken since."""
        return CpuTime(
            self.server - earlier.server,
            self.postgres - earlier.postgres,
            self.load - earlier.load,
            self.everyone - earlier.everyone,
        )

    @property
    def others(self) -> float:
        """What neither the service nor its load took."""
        return max(self.everyone - self.server - self.postgres - self.load, 0)


def cpu_time(server: int, postmaster: int) -> CpuTime:
    """The CPU time so far: of the server and of PostgreSQL with all their processes, and of ended load generators."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent, seconds = _read(stat.read_text())
        except OSError:
            continue  # it has ended
        children.setdefault(parent, []).append(pid)
        times[pid] = seconds
    load = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return CpuTime(
        _family(server, children, times),
        _family(postmaster, children, times),
        load.ru_utime + load.ru_stime,
        (sum(busy) - busy[3] - busy[4]) / TICKS,  # all but idle and waiting for the disk
    )


def child_seconds(pid: int) -> float:
    """The CPU time of a process that still runs."""
    return _read(Path(f"/proc/{pid}/stat").read_text())[2]


def _read(stat: str) -> tuple[int, int, float]:
    """Pid, parent, and the CPU time of a process with that of its ended children: no backend that ends is lost."""
    words = stat.rpartition(")")[2].split()
    return int(stat.split(maxsplit=1)[0]), int(words[1]), sum(map(int, words[11:15])) / TICKS


def _family(pid: int, children: dict[int, list[int]], times: dict[int, float]) -> float:
    return times.get(pid, 0) + sum(_family(child, children, times) for child in children.get(pid, ()))
