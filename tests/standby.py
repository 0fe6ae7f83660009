"""A standby that streams from a test's own cluster, with programs and settings of its own."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import Cluster
from tests.server import free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.own_cluster import OwnCluster

# Queries in the way of the primary's changes are cancelled at once.
SETTINGS = {"max_standby_streaming_delay": "0", "max_standby_archive_delay": "0"}


@dataclass(frozen=True)
class Standby(Cluster):
    """A standby; its directory holds its data and its socket."""

    programs: Path

    async def start(self) -> None:
        """Starts it, as often as one likes."""
        settings = {
            **SETTINGS,
            "port": self.environment["PGPORT"],
            "unix_socket_directories": f"'{self.directory}'",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        await self._run(
            "pg_ctl", "start", "-s", "-w", "-D", f"{self.directory}/data", "-l", f"{self.directory}/log", "-o", options
        )

    async def stop(self) -> None:
        """Ends it as a crash would."""
        await self._run("pg_ctl", "stop", "-s", "-w", "-m", "immediate", "-D", f"{self.directory}/data")

    async def promote(self) -> None:
        """Makes it a primary."""
        await self._run("pg_ctl", "promote", "-s", "-w", "-D", f"{self.directory}/data")

    async def pause(self, database: str) -> None:
        """Has it go on receiving, but replay nothing more."""
        async with self.session(database) as session:
            await session.execute("select pg_wal_replay_pause()")

            async def paused() -> bool:
                return bool(await session.fetchval("select pg_get_wal_replay_pause_state()") == "paused")

            await until("the pause of the replay", paused)

    async def resume(self, database: str) -> None:
        """Ends the pause."""
        async with self.session(database) as session:
            await session.execute("select pg_wal_replay_resume()")

    async def _run(self, program: str, *arguments: str, **environment: str) -> None:
        # Its output goes nowhere: a server that is started keeps it open for as long as it runs.
        user = self.directory.parent.owner() if os.geteuid() == 0 else None
        process = await asyncio.create_subprocess_exec(
            str(self.programs / program), *arguments, user=user, group=user, cwd="/",
            env=environment | {"LC_ALL": "C.UTF-8"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0, f"{program} failed"

    async def copy(self, primary: OwnCluster) -> None:
        """Makes it from its primary."""
        await self._run(
            "pg_basebackup", "-D", f"{self.directory}/data", "-X", "stream", "-c", "fast", "-R", **primary.environment
        )


def programs_of(cluster: OwnCluster) -> Path:
    """Where PostgreSQL's programs are."""
    return Path(f"/proc/{cluster.postmaster()}/exe").resolve().parent


@asynccontextmanager
async def standby(primary: OwnCluster) -> AsyncIterator[Standby]:
    """Makes and starts one inside the primary's directory; ends it at the end."""
    directory = primary.directory.resolve() / "standby"
    directory.mkdir()
    if os.geteuid() == 0:
        owner = directory.parent.stat()
        os.chown(directory, owner.st_uid, owner.st_gid)
    programs = programs_of(primary)
    made = Standby(directory, {**primary.environment, "PGHOST": str(directory), "PGPORT": str(free_port())}, programs)
    await made.copy(primary)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
