"""A cluster of a test's own, to kill, to fill with roles, to deploy to; and the programs that operators use on one."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import Cluster
from tests.server import ROOT
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCRIPT = str(ROOT / "scripts" / "cluster")
WHO = {"SQITCH_FULLNAME": "Test", "SQITCH_EMAIL": "test@localhost"}


@dataclass(frozen=True)
class Outcome:
    """What became of a program."""

    code: int
    output: str

    def succeeded(self) -> str:
        """Its output, once it is sure that it succeeded."""
        assert self.code == 0, self.output
        return self.output


async def run(*command: str, **environment: str) -> Outcome:
    """Runs a program in the project's directory, with these variables beside the present ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PM__", "SQITCH_"))}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=inherited | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Outcome(process.returncode, output.decode())


async def operate(cluster: Cluster, database: str, *command: str, **environment: str) -> Outcome:
    """Runs psql, pg_dump and the like against a database, as its superuser unless told otherwise."""
    return await run(*command, **{**cluster.environment, "PGDATABASE": database, **environment})


async def sqitch(cluster: Cluster, database: str, *arguments: str, **environment: str) -> Outcome:
    """Runs sqitch against a database."""
    command, *options = arguments
    return await operate(cluster, database, "sqitch", command, *options, "db:pg:", **WHO, **environment)


class OwnCluster(Cluster):
    """A cluster that nobody else uses."""

    async def start(self) -> None:
        """Starts it, also after a crash."""
        (await run(SCRIPT, "start", str(self.directory), "--throw-away")).succeeded()

    def postmaster(self) -> int:
        """The pid of its first process."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def pids(self) -> list[int]:
        """All its processes: those that work in its data directory."""
        return [pid for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")) if self.owns(pid)]

    def owns(self, pid: int) -> bool:
        """Whether this is one of its processes."""
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self._data
        except OSError:
            return False

    def kill(self) -> None:
        """Ends it as a power cut ends it: every process at once, none of them asked.

        The postmaster goes first, or it would see its children die and start new ones.
        """
        self.kill_process(self.postmaster())
        for pid in self.pids():
            self.kill_process(pid)

    async def shut_down(self, number: int) -> None:
        """Asks it to end: SIGINT for a fast shutdown, SIGQUIT for an immediate one. Or kills its first process."""
        pid = self.postmaster()
        assert self.owns(pid)
        os.kill(pid, number)

        async def gone() -> bool:
            return self.pids() == []

        await until("the end of all processes", gone)

    def kill_process(self, pid: int) -> None:
        """Kills one of its processes."""
        if self.owns(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def _data(self) -> Path:
        return self.directory.resolve() / "data"


@asynccontextmanager
async def own_cluster(directory: Path) -> AsyncIterator[OwnCluster]:
    """Makes a cluster in a directory that is not there yet, and removes it at the end."""
    try:
        (await run(SCRIPT, "start", str(directory), "--throw-away")).succeeded()
        made = Cluster.at(str(directory))
        yield OwnCluster(made.directory, made.environment)
    finally:
        (await run(SCRIPT, "remove", str(directory))).succeeded()
