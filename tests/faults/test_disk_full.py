"""A disk that is full: nothing is acknowledged that is not stored, and all is well when there is room again.

The disk is a small one in memory, which only root may make.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.cluster import clone
from tests.faults.fleet import fleet
from tests.faults.installed_cluster import installed_cluster
from tests.faults.probes import check_pool, probed
from tests.own_cluster import SCRIPT, run
from tests.server import serve
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.own_cluster import OwnCluster
    from tests.waiting import Session

pytestmark = pytest.mark.long

WAL_MIB = 128
DATA_MIB = 128


@asynccontextmanager
async def disk(mib: int) -> AsyncIterator[Path]:
    """A disk of this size. Its path is short and open to PostgreSQL's user, as those of tests are not."""
    directory = tempfile.mkdtemp(prefix="phone-manager-disk-")
    try:
        mounted = await run("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=777", "tmpfs", directory)
        if mounted.code != 0:
            pytest.skip(f"a small disk takes the right to mount one: {mounted.output.strip()}")
        try:
            yield Path(directory)
        finally:
            (await run("umount", "--lazy", directory)).succeeded()
    finally:
        Path(directory).rmdir()  # noqa: ASYNC240  at once


def fill(directory: Path) -> Path:
    """Takes all the room that is left; returns the file to delete."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
    return ballast


async def change_for_ever(session: Session) -> None:
    """Fills the log of changes faster than phones would do it."""
    while True:
        await session.execute("create table filler(); drop table filler")
        await session.execute("select pg_switch_wal()")


@pytest_asyncio.fixture(scope="module")
async def disk_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster whose disks may be full."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    async with installed_cluster(tmp_path_factory.mktemp("disk") / "cluster") as cluster:
        yield cluster


@pytest_asyncio.fixture
async def database(disk_cluster: OwnCluster) -> AsyncIterator[Database]:
    """A database of the test's own in that cluster."""
    async with clone(disk_cluster) as cloned:
        yield cloned


async def test_no_room_for_data(disk_cluster: OwnCluster, database: Database, tmp_path: Path) -> None:
    async with disk(DATA_MIB) as place, database.cluster.session("postgres") as operator:
        shutil.chown(place, user=disk_cluster.directory.resolve().owner())
        await operator.execute(f"create tablespace small location '{place}'")
        await operator.execute(f"alter database {database.name} set tablespace small")
        try:
            async with serve(database.api_url, tmp_path) as server:
                phones = await fleet(database, server)
                async with phones.running(), probed(server) as probes:
                    await phones.until_acknowledged(50)
                    ballast = fill(place)
                    await phones.until_failed(100)
                    ballast.unlink()
                    await phones.until_acknowledged(200)
                    await probes.until_ready_is(200)
                    await phones.check(database)
                await phones.check_replays()
                states = {line["sqlstate"] for line in server.log_lines if "sqlstate" in line}
                assert states == {"53100"}
                await check_pool(server, database)
            await phones.check_at_rest(database)
        finally:
            await database.cluster.drop(database.name)
            await operator.execute("drop tablespace small")


async def test_no_room_for_the_log_of_changes(disk_cluster: OwnCluster, database: Database, tmp_path: Path) -> None:
    """PostgreSQL then ends, comes up as far as it can, and is up for good when there is room again."""
    data = disk_cluster.directory.resolve() / "data"
    async with disk(WAL_MIB) as place:
        await disk_cluster.shut_down(signal.SIGINT)
        kept = data / "pg_wal.kept"
        (data / "pg_wal").rename(kept)
        shutil.copytree(kept, place / "pg_wal")
        (await run("chown", "-R", data.owner(), str(place))).succeeded()
        (data / "pg_wal").symlink_to(place / "pg_wal")
        await disk_cluster.start()
        async with serve(database.api_url, tmp_path) as server:
            phones = await fleet(database, server)
            async with phones.running(), probed(server) as probes:
                await phones.until_acknowledged(50)
                ballast = fill(place)
                async with database.cluster.session(database.name) as session:
                    with pytest.raises((asyncpg.PostgresError, OSError)):
                        await change_for_ever(session)
                await phones.until_failed(100)
                await probes.until_ready_is(503)
                ballast.unlink()

                async def up() -> bool:
                    return (await run(SCRIPT, "start", str(disk_cluster.directory), "--throw-away")).code == 0

                await until("a start", up)
                await probes.until_ready_is(200)
                await phones.until_acknowledged(100)
                await phones.check(database)
            await phones.check_replays()
            await check_pool(server, database)
        await phones.check_at_rest(database)
        await disk_cluster.shut_down(signal.SIGINT)
        (data / "pg_wal").unlink()
        shutil.rmtree(kept)
        shutil.copytree(place / "pg_wal", data / "pg_wal")
        (await run("chown", "-R", data.owner(), str(data / "pg_wal"))).succeeded()
        await disk_cluster.start()
