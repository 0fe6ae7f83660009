"""Metrics of several workers, and of an instance whose database is away or does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from tests.cluster import API_PASSWORD
from tests.conftest import now_ms, point, registration
from tests.contract import check_problem
from tests.exposition import Exposition, scrape
from tests.proxy import proxied
from tests.server import serve
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database
    from tests.server import Server

LIVE = "/api/health/live"
ONE = "/api/v1/locations"
SESSIONS = """select count(*) from pg_stat_activity
              where datname = current_database() and application_name = 'phone-manager'"""
OF_THE_DATABASE = {
    "active_devices_count",
    "background_job_duration_seconds",
    "background_job_last_success_timestamp",
    "locations_deleted",
}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers put temporary files."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return directory


def workers(temporary: Path) -> dict[int, float]:
    """How many requests for LIVE each worker counted, dead ones too."""
    counted = {}
    for file in temporary.glob("*/counter_*.db"):
        metrics = MultiProcessCollector.merge([str(file)])  # type: ignore[no-untyped-call]
        counted[int(file.stem.rpartition("_")[2])] = sum(
            sample.value for metric in metrics for sample in metric.samples if sample.labels.get("path") == LIVE
        )
    return counted


def files(temporary: Path, pattern: str = "*") -> list[Path]:
    """The files there."""
    return list(temporary.glob(pattern))


async def serve_by_all(server: Server, temporary: Path, living: int) -> int:
    """Sends requests until so many workers have served one more; returns how many were sent."""
    before, sent = workers(temporary), 0

    async def served_by_all() -> bool:
        nonlocal sent
        async with server.client() as newcomer:
            answers = await asyncio.gather(*(newcomer.get(LIVE) for _ in range(20)))
        sent += sum(answer.status_code == 200 for answer in answers)
        return sum(count > before.get(pid, 0) for pid, count in workers(temporary).items()) >= living

    await until("requests served by each worker", served_by_all)
    return sent


async def test_the_sum_of_all_workers(
    database: Database, tmp_path: Path, temporary: Path, device_id: str, group: str
) -> None:
    await database.call("register_device", registration(device_id, group))
    now = now_ms()
    async with (
        serve(database.api_url, tmp_path, server__workers="2", database__min_connections="2") as server,
        server.client(await database.create_key()) as client,
    ):
        sent = await serve_by_all(server, temporary, living=2)
        assert (await scrape(client)).value("http_requests_total", path=LIVE, status="200") == sent
        assert (await scrape(client)).value("http_request_duration_seconds_count", path=LIVE) == sent
        answers = await asyncio.gather(
            *(client.post(ONE, json={"device_id": device_id, **point(now - number % 30)}) for number in range(60))
        )
        assert {answer.status_code for answer in answers} == {200}
        told = await scrape(client)
        assert told.value("locations_uploaded_total") == 30
        assert "pid=" not in told.text

        async def all_at_rest() -> bool:
            told = await scrape(client)
            return told.value("database_connections_active") == 0 and (
                told.value("database_connections_idle") == await database.value(SESSIONS) >= 4
            )

        await until("the connections of both workers", all_at_rest)


async def test_a_killed_worker(database: Database, tmp_path: Path, temporary: Path) -> None:
    async with serve(database.api_url, tmp_path, server__workers="2", database__min_connections="3") as server:
        sent = await serve_by_all(server, temporary, living=2)
        killed = min(workers(temporary))

        async def idle(value: float) -> bool:
            async with server.client() as client:
                return (await scrape(client)).value("database_connections_idle") == value

        await until("the connections of both workers", lambda: idle(6))
        os.kill(killed, signal.SIGKILL)

        async def replaced() -> bool:
            return len(workers(temporary)) == 3

        await until("another worker", replaced)
        sent += await serve_by_all(server, temporary, living=2)
        async with server.client() as client:
            told = await scrape(client)
        assert told.value("http_requests_total", path=LIVE) == sent, "what the dead one counted stays"
        await until("the connections of the two that live", lambda: idle(6))
        assert not files(temporary, f"*/gauge_live*_{killed}.db")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_nothing_is_left_behind(
    database: Database, tmp_path: Path, temporary: Path, workers: str, number: int
) -> None:
    async with serve(database.api_url, tmp_path, server__workers=workers) as server:
        assert len(files(temporary)) == int(workers) - 1
        await server.stop(number)
        assert not files(temporary)


# Without the database -------------------------------------------------------------------------------------------------


def without_the_database(told: Exposition) -> bool:
    """Whether what the process knows is told, and what the database knows is not."""
    names = set(told.families)
    assert {"http_requests", "http_request_duration_seconds", "locations_uploaded"} <= names
    return not names & OF_THE_DATABASE


async def test_a_database_that_is_away_and_comes_back(database: Database, tmp_path: Path) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client() as client:
        assert set((await scrape(client)).families) >= OF_THE_DATABASE - {"locations_deleted"}
        await database.execute("alter function api.metrics(integer) rename to hidden")

        async def away() -> bool:
            return without_the_database(await scrape(client))

        async def back() -> bool:
            return not without_the_database(await scrape(client))

        await until("metrics without the database", away)
        await database.execute("alter function api.hidden(integer) rename to metrics")
        await until("metrics with the database", back)


async def test_no_database_at_all(database: Database, tmp_path: Path) -> None:
    url = database.cluster.url("pm_test_nowhere", "nobody", API_PASSWORD)
    async with serve(url, tmp_path, ready=False) as server, server.client("pm_" + "x" * 45) as client:

        async def answers() -> bool:
            try:
                return (await client.get(LIVE)).status_code == 200
            except httpx.TransportError:
                return False

        await until("the start", answers)
        check_problem(await client.get("/api/v1/devices?group_id=family"), 503)
        told = await scrape(client)
        assert without_the_database(told)
        assert told.value("http_requests_total", status="503") == 1
        assert told.value("database_connections_active") == told.value("database_connections_idle") == 0


async def test_a_database_that_accepts_and_never_answers(database: Database, tmp_path: Path) -> None:
    async with (
        proxied(database.api_url) as (proxy, url),
        serve(url, tmp_path, database__connect_timeout_seconds="600", database__max_connections="2") as server,
        server.client() as client,
    ):
        assert not without_the_database(await scrape(client))
        proxy.stall()

        async def silent() -> bool:
            answer = await client.get("/metrics")
            assert answer.elapsed.total_seconds() < 30, "it does not wait for the database"
            return without_the_database(Exposition(answer.text))

        await until("metrics without the database", silent)
        assert all(await asyncio.gather(*(silent() for _ in range(5))))
        assert [one["message"] for one in server.log_lines if one["target"] == "app.scrape"]
        proxy.pass_on()

        async def back() -> bool:
            return not without_the_database(await scrape(client))

        await until("metrics with the database", back)
