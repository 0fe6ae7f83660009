"""A database that is away for a while, or there but of no use: 503 meanwhile, then all is well without a restart."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.cluster import clone
from tests.faults.fleet import fleet
from tests.faults.installed_cluster import installed_cluster
from tests.faults.probes import check_pool, probed
from tests.own_cluster import SCRIPT, operate, run
from tests.server import serve
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Database
    from tests.faults.fleet import Fleet
    from tests.faults.probes import Probes
    from tests.own_cluster import OwnCluster


@pytest_asyncio.fixture(scope="module")
async def away_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster to stop and start, with few connections."""
    async with installed_cluster(tmp_path_factory.mktemp("away") / "cluster") as cluster:
        async with cluster.session("postgres") as session:
            await session.execute("alter system set max_connections = 50")
        await cluster.shut_down(signal.SIGINT)
        await cluster.start()
        yield cluster


@pytest_asyncio.fixture
async def database(away_cluster: OwnCluster) -> AsyncIterator[Database]:
    """A database of the test's own in that cluster."""
    async with clone(away_cluster) as cloned:
        yield cloned


@asynccontextmanager
async def used(database: Database, directory: Path) -> AsyncIterator[tuple[Fleet, Probes]]:
    """A database that is used, and must be as it should be when the block has ended."""
    async with serve(database.api_url, directory) as server:
        phones = await fleet(database, server)
        async with phones.running(), probed(server) as probes:
            await phones.until_acknowledged(50)
            yield phones, probes
            await probes.until_ready_is(200)
            await phones.until_acknowledged(50)
            await phones.check(database)
        await phones.check_replays()
        assert server.process.returncode is None
        await check_pool(server, database)
    await phones.check_at_rest(database)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [1, pytest.param(30, marks=pytest.mark.long)])
async def test_postgresql_is_down_for_a_while(
    away_cluster: OwnCluster, database: Database, tmp_path: Path, seconds: int
) -> None:
    async with used(database, tmp_path) as (phones, probes):
        away_cluster.kill()
        await probes.until_ready_is(503)
        await phones.until_failed(20)
        await asyncio.sleep(seconds)  # the fault itself lasts, nothing is waited for
        await away_cluster.start()


@pytest.mark.parametrize("of", [pytest.param("the server", marks=pytest.mark.long), "the database"])
async def test_a_database_that_can_only_be_read(database: Database, tmp_path: Path, of: str) -> None:
    async with used(database, tmp_path) as (phones, probes), database.cluster.session("postgres") as operator:
        what, reload = (
            ("system", "select pg_reload_conf()") if of == "the server" else (f"database {database.name}", "")
        )
        end_sessions = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.name}'"
        try:
            await operator.execute(f"alter {what} set default_transaction_read_only = on")
            await operator.execute(reload or end_sessions)
            await probes.until_ready_is(503)
            await phones.until_failed(20)
            assert await operator.fetchval("show transaction_read_only") == ("on" if reload else "off")
        finally:  # sessions that began under the database's setting keep it: the server must give them up
            await operator.execute("set default_transaction_read_only = off")
            await operator.execute(f"alter {what} reset default_transaction_read_only")
            if reload:
                await operator.execute(reload)


async def test_a_server_in_recovery(away_cluster: OwnCluster, database: Database, tmp_path: Path) -> None:
    async with used(database, tmp_path) as (phones, probes):
        away_cluster.kill()
        (away_cluster.directory.resolve() / "data" / "standby.signal").touch(mode=0o666)
        # The end of the start makes an extension, which fails on a server in recovery.
        await run(SCRIPT, "start", str(away_cluster.directory), "--throw-away")
        assert await database.value("select pg_is_in_recovery()")
        await phones.until_failed(20)
        seen = len(probes.statuses["/api/health/ready"])

        async def probed_again() -> bool:
            return len(probes.statuses["/api/health/ready"]) > seen + 2

        await until("probes of a server in recovery", probed_again)
        assert set(probes.statuses["/api/health/ready"][seen + 1 :]) == {503}
        (await operate(away_cluster, "postgres", "psql", "-Xqc", "select pg_promote()")).succeeded()


@pytest.mark.long
async def test_fewer_connections_than_the_pool_may_have(database: Database, tmp_path: Path) -> None:
    async with used(database, tmp_path) as (phones, _), database.cluster.session("postgres") as operator:
        end_sessions = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.name}'"
        try:
            await operator.execute(f"alter database {database.name} connection limit 2")
            await operator.execute(end_sessions)
            await phones.until_failed()
            await phones.until_acknowledged(100)  # with the connections that it has
        finally:
            await operator.execute(f"alter database {database.name} connection limit -1")


@pytest.mark.long
async def test_no_connection_left(database: Database, tmp_path: Path) -> None:
    async with used(database, tmp_path) as (phones, probes), AsyncExitStack() as taken:
        end_sessions = (
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'phone-manager%'"
        )
        operator = await taken.enter_async_context(database.cluster.session("postgres"))
        full = False
        while not full:
            try:
                session = await asyncpg.connect(database.api_url)
                taken.push_async_callback(session.close)
            except asyncpg.TooManyConnectionsError:
                full = await operator.fetchval(
                    "select count(*) = 0 from pg_stat_activity where application_name like 'phone-manager%'"
                )
                await operator.execute(end_sessions)
        await probes.until_ready_is(503)
        await phones.until_failed(20)
