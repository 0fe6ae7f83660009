"""What was answered 200 is there after a SIGKILL or a shutdown of anything at any moment, and the service comes back.

PM_FAULT_ROUNDS says how often each is done.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.cluster import Database, clone
from tests.conftest import now_ms, point
from tests.faults.fleet import fleet
from tests.faults.installed_cluster import installed_cluster
from tests.server import free_port, serve
from tests.waiting import api_session, beside, call, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.fleet import Fleet
    from tests.own_cluster import OwnCluster
    from tests.server import Server

ROUNDS = int(os.environ.get("PM_FAULT_ROUNDS", "1"))
WORKERS = 2
BACKEND = "select pid from pg_stat_activity where application_name = 'phone-manager' order by random() limit 1"
SESSIONS = """select count(*) from pg_stat_activity
              where datname = current_database() and application_name like 'phone-manager%'"""
JOBS = ("ensure_partitions", "cleanup_locations", "cleanup_idempotency_keys", "refresh_group_counts")


@pytest_asyncio.fixture(scope="module")
async def crash_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster to kill."""
    async with installed_cluster(tmp_path_factory.mktemp("crash") / "cluster") as cluster:
        yield cluster


@pytest_asyncio.fixture
async def database(crash_cluster: OwnCluster) -> AsyncIterator[Database]:
    """A database of the test's own in that cluster."""
    async with clone(crash_cluster) as cloned:
        yield cloned


async def run_jobs(database: Database) -> None:
    """Runs jobs one after the other, whatever becomes of them."""
    while True:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            async with database.cluster.session(database.name) as session:
                for job in JOBS:
                    await session.execute(f"call jobs.{job}()")
        await asyncio.sleep(0.05)


async def strike(fault: str, cluster: OwnCluster, database: Database, server: Server, phones: Fleet) -> None:
    """Does it once, and puts right what does not right itself."""
    match fault:
        case "a worker":
            os.kill(random.choice(server.workers), signal.SIGKILL)

            async def complete() -> bool:
                return len(server.workers) == WORKERS

            await until("a new worker", complete)
        case "a backend":  # PostgreSQL then ends all sessions, and recovers by itself
            cluster.kill_process(await database.value(BACKEND))
            await phones.until_failed()
        case "everything":
            cluster.kill()
            await phones.until_failed(len(phones.devices))  # the server answers 503, and lives on
            await cluster.start()
        case _:
            number = {"the postmaster": signal.SIGKILL, "immediate": signal.SIGQUIT, "fast": signal.SIGINT}[fault]
            await cluster.shut_down(number)
            await phones.until_failed(len(phones.devices))
            await cluster.start()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "fault",
    [
        "everything",
        "a backend",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("a worker", "the postmaster", "immediate", "fast")),
    ],
)
async def test_a_crash_loses_nothing_that_was_acknowledged(
    crash_cluster: OwnCluster, database: Database, tmp_path: Path, fault: str
) -> None:
    async with serve(database.api_url, tmp_path, server__workers=str(WORKERS)) as server:
        phones = await fleet(database, server)
        async with phones.running(), beside(run_jobs(database)):
            for _ in range(ROUNDS):
                await phones.until_acknowledged(random.randint(50, 150))
                await strike(fault, crash_cluster, database, server, phones)
                await phones.until_acknowledged(20)
                await phones.check(database)
                await phones.check_replays(5)
        await phones.check_replays()
        assert server.process.returncode is None
        statuses = {line["status"] for line in server.log_lines if line["target"] == "app.access"}
        assert statuses <= {200, 204, 404, 409, 503, None}
        assert await server.stop() == 0
    await phones.check_at_rest(database)


@pytest.mark.timeout(600)
async def test_sigkill_of_the_api_leaves_whole_uploads_only(database: Database, tmp_path: Path) -> None:
    port = free_port()
    async with AsyncExitStack() as servers:
        server = await servers.enter_async_context(serve(database.api_url, tmp_path, port=port))
        phones = await fleet(database, server)
        async with phones.running(), beside(run_jobs(database)):
            for _ in range(ROUNDS):
                await phones.until_acknowledged(random.randint(50, 150))
                assert await server.stop(signal.SIGKILL) == -signal.SIGKILL
                await phones.until_failed(len(phones.devices))

                async def no_session() -> bool:
                    return int(await database.value(SESSIONS)) == 0

                await until("the end of the killed server's sessions", no_session)
                await phones.check(database)
                server = await servers.enter_async_context(serve(database.api_url, tmp_path, port=port))
                await phones.until_acknowledged(20)
        await phones.check_replays()
    await phones.check_at_rest(database)


async def test_an_upload_waits_for_the_disk_though_an_admission_does_not(database: Database, device_id: str) -> None:
    await database.call("register_device", {"device_id": device_id, "display_name": "Phone", "group_id": "group"})
    key = await database.create_key(rate_limit=5)
    admit = "select admitted from api.admit(sha256(convert_to($1, 'UTF8')))"
    async with api_session(database) as session:

        async def waits() -> bool:
            return bool(await session.fetchval("select current_setting('synchronous_commit') = 'on'"))

        assert await waits()
        async with session.transaction():
            assert await session.fetchval(admit, key) == 1
            assert not await waits()
        assert await waits()
        assert await session.fetchval(admit, key) == 1
        assert await waits()
        async with session.transaction():
            await call(session, "upload_location", {"device_id": device_id, **point()})
            assert await waits()
            await call(session, "upload_locations", {"device_id": device_id, "locations": [point(now_ms() - 1000)]})
            assert await waits()
