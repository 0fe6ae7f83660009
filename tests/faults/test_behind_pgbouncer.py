"""A PgBouncer in transaction mode between API and database: the contract's own tests, once more."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.cluster import API_PASSWORD
from tests.own_cluster import run
from tests.pgbouncer import keeps_prepared_statements, pgbouncer
from tests.server import serve
from tests.test_start import start
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Cluster, Database

pytestmark = pytest.mark.slow

CONTRACT = (
    "registration listing deactivation idempotency batch data_erasure data_export inactive_devices failures journeys"
)
EVERYTHING = f"""
    {CONTRACT} upload errors bad_input headers health concurrency concurrent_uploads uploads_together rate_limit_shared
    rate_limit_window journey_elderly_care protocol export_breaks erasure metrics metrics_workers properties round_trips
    farewell proxies start logs logs_of_failures
"""

# These look at the sessions of the server, which are PgBouncer's here, or for PostgreSQL's word on a wrong password.
NOT_THESE = (
    "tests/test_health.py::test_sigterm[1]",
    "tests/test_health.py::test_sigterm[2]",
    "tests/test_logs.py::test_the_password_of_the_database_is_not_written",
    "tests/test_metrics_workers.py::test_the_sum_of_all_workers",
)

# Sessions that nobody uses end soon: some tests wait for the end of all.
SOON = "server_idle_timeout = 1"


async def cache_size() -> str:
    """How many prepared statements a connection of the API may have."""
    return "100" if await keeps_prepared_statements() else "0"


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_the_contract_holds(cluster: Cluster, tmp_path: Path) -> None:
    """With PM_FAULT_ROUNDS over 1, all tests that have to do with a server."""
    modules = (EVERYTHING if int(os.environ.get("PM_FAULT_ROUNDS", "1")) > 1 else CONTRACT).split()
    roles = {f"pm_api_login_{worker}": API_PASSWORD for worker in ("main", "gw0", "gw1")}
    async with pgbouncer(cluster, roles, SOON) as place:
        pooled = {
            "from": cluster.url("", "", "").partition("?")[2],
            "to": place,
            "settings": {"database__statement_cache_size": await cache_size()},
        }
        outcome = await run(
            sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadfile", "-m", "not long",
            "--basetemp", str(tmp_path / "pooled"),
            *(f"--deselect={test}" for test in NOT_THESE),
            *(f"tests/test_{module}.py" for module in modules),
            PM_TEST_POOLED=orjson.dumps(pooled).decode(),
        )  # fmt: skip
    assert " passed" in outcome.succeeded()


async def test_sessions_are_shared(database: Database, tmp_path: Path) -> None:
    """That the tests above have sense: more connections of the API than sessions in the database."""
    role = await database.cluster.login_role("pm_api")
    async with pgbouncer(database.cluster, {role: API_PASSWORD}, "default_pool_size = 2") as place:
        url = f"{database.api_url.partition('?')[0]}?{place}"
        async with (
            serve(
                url, tmp_path, database__min_connections="10", database__statement_cache_size=await cache_size()
            ) as server,
            server.client(await database.create_key()) as client,
        ):

            async def ten() -> bool:
                return "database_connections_idle 10.0" in (await client.get("/metrics")).text

            await until("ten connections", ten)
            sessions = "select count(*) from pg_stat_activity where application_name = 'phone-manager' and datname = $1"
            assert 1 <= await database.value(sessions, database.name) <= 2


async def test_a_wrong_limit_is_told_at_every_start(database: Database) -> None:
    """A session that an earlier start has used must not be in the way."""
    role = await database.cluster.login_role("pm_api")
    async with pgbouncer(database.cluster, {role: API_PASSWORD}, "default_pool_size = 1") as place:
        url = f"{database.api_url.partition('?')[0]}?{place}"
        for _ in range(3):
            code, output = await start(
                url, limits__max_batch_size="1001", database__statement_cache_size=await cache_size()
            )
            assert (code, output.partition(":")[0]) == (2, "PM__LIMITS__MAX_BATCH_SIZE")
