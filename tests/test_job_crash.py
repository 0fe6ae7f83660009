"""A SIGKILL in the middle of a job that pg_cron runs: the next run, by pg_cron again, completes what was left."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.cluster import Database
from tests.own_cluster import operate, own_cluster
from tests.waiting import until, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.own_cluster import OwnCluster

pytestmark = pytest.mark.slow

NAME = "phone_manager"  # the database that pg_cron of this cluster works in
INSTALL = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "sql/install.sql")
OLD = 25_000
NEW = 500
# A point a second around noon of ten days ago, and a clock for which the retention began at that noon.
POINTS = f"""
    insert into core.devices (device_id, display_name, group_id) values (gen_random_uuid(), 'Phone', 'group');
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select d.device_id, timestamptz '{{noon}}' + make_interval(secs => n), 45, 13, 5
    from core.devices d, generate_series(-{OLD}, {NEW - 1}) n;
    alter database {NAME} set pm.test_now = '{{now}}';
    select cron.schedule('cleanup_locations', '* * * * *', 'call jobs.cleanup_locations()')
"""
RUNS = "select rows, rows_total, ended_at, error from core.job_runs where job_name = 'cleanup_locations' order by id"
HOLD = "select from core.locations where captured_at = '{}' for update"


@pytest_asyncio.fixture
async def database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[OwnCluster, Database]]:
    """The database of a cluster to kill."""
    async with own_cluster(tmp_path_factory.mktemp("job") / "cluster") as cluster:
        (await operate(cluster, NAME, *INSTALL)).succeeded()
        yield cluster, Database(cluster, NAME, "")


@pytest.mark.timeout(300)
async def test_pg_cron_resumes_a_job_whose_backend_was_killed(database: tuple[OwnCluster, Database]) -> None:
    cluster, phone_manager = database
    noon = datetime.datetime.now(datetime.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    noon -= datetime.timedelta(days=10)
    await phone_manager.execute(POINTS.format(noon=noon, now=noon + datetime.timedelta(days=30)))

    async with cluster.session(NAME) as watch, cluster.session(NAME) as holder:
        await holder.execute("begin")
        await holder.execute(HOLD.format(noon - datetime.timedelta(seconds=2)))
        (pid,) = await until_blocked(watch, holder, seconds=90)
        (run,) = await phone_manager.fetch(RUNS)
        assert 10_000 < run["rows"] < OLD
        assert run["ended_at"] is None
        cluster.kill_process(pid)  # PostgreSQL then ends all sessions, that of the holder too, and recovers

        async def ended() -> bool:
            return holder.is_closed()

        await until("the end of all sessions", ended)

    async def completed() -> list[asyncpg.Record]:
        try:
            runs = await phone_manager.fetch(RUNS)
        except (asyncpg.PostgresError, OSError):  # it recovers
            return []
        return runs if len(runs) > 1 and runs[1]["ended_at"] else []

    killed, resumed, *_ = await until("a second run", completed, 150)
    assert (killed["rows"], killed["error"]) == (run["rows"], "interrupted")
    assert (resumed["rows_total"], resumed["error"]) == (OLD, None)
    assert await phone_manager.value("select count(*) from core.locations") == NEW
    assert await phone_manager.value("select min(captured_at) from core.locations") == noon
