"""Health: what people and probes are told while the database comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from app import __version__
from tests.cluster import API_PASSWORD, Cluster, Database
from tests.conftest import registration
from tests.contract import check_headers, check_problem
from tests.server import Server, serve
from tests.waiting import transaction, until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

HEALTH = "/api/health"
LIVE = "/api/health/live"
READY = "/api/health/ready"
NO_DATABASE = "The database cannot be reached, or has no schema."
PROBES = """select {} from pg_stat_activity
            where datname = current_database() and application_name = 'phone-manager probe'"""
SESSIONS = """select count(*) from pg_stat_activity
              where datname = current_database() and application_name like 'phone-manager%'"""
UNHEALTHY = {"status": "unhealthy", "version": __version__, "database": {"connected": False, "latency_ms": None}}


async def until_answer(client: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    """Waits until a path answers with a status."""

    async def answered() -> httpx.Response | None:
        with contextlib.suppress(httpx.TransportError):
            answer = await client.get(path)
            return answer if answer.status_code == status else None
        return None

    found = await until(f"{path}: {status}", answered)
    assert found is not None
    return found


async def check_without_database(client: httpx.AsyncClient, message: str = NO_DATABASE) -> None:
    live = await client.get(LIVE)
    assert (live.status_code, live.text) == (200, "OK")
    check_problem(await client.get(READY), 503, message=message)
    health = await client.get(HEALTH)
    assert (health.status_code, health.json()) == (503, UNHEALTHY)
    assert health.headers["Content-Type"] == "application/json"
    check_headers(health)


async def test_all_is_well(server: Server) -> None:
    async with server.client() as client:
        health = await client.get(HEALTH)
        assert health.status_code == 200
        body = health.json()
        latency = body["database"].pop("latency_ms")
        assert 0 < latency < 2000
        assert body == {"status": "healthy", "version": __version__, "database": {"connected": True}}
        check_headers(health)
        for path in (LIVE, READY):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, "OK")
            check_headers(answer)


async def test_a_database_that_comes_later(cluster: Cluster, tmp_path: Path) -> None:
    role = await cluster.login_role("pm_api")
    name = f"pm_test_{uuid.uuid4().hex[:16]}"
    database = Database(cluster, name, cluster.url(name, role, API_PASSWORD))
    try:
        async with serve(database.api_url, tmp_path, ready=False) as server, server.client("pm_" + "x" * 45) as client:
            await until_answer(client, LIVE, 200)
            await check_without_database(client)
            check_problem(await client.get("/api/v1/devices?group_id=family"), 503)
            check_problem(await client.get("/unknown"), 404)

            await cluster.create(name)
            await until_answer(client, READY, 200)
            assert (await client.get(HEALTH)).status_code == 200
            check_problem(await client.get("/api/v1/devices?group_id=family"), 401)
            client.headers["X-API-Key"] = await database.create_key()
            assert (await client.get("/api/v1/devices?group_id=family")).json() == {"devices": []}
    finally:
        await cluster.drop(name)


async def test_a_database_without_the_schema(cluster: Cluster, tmp_path: Path) -> None:
    role = await cluster.login_role("pm_api")
    name = f"pm_test_{uuid.uuid4().hex[:16]}"
    await cluster.create(name, "template0")
    try:
        url = cluster.url(name, role, API_PASSWORD)
        async with serve(url, tmp_path, ready=False) as server, server.client() as client:
            await until_answer(client, LIVE, 200)
            await check_without_database(client)
    finally:
        await cluster.drop(name)


@pytest.mark.parametrize(("version", "status"), [(0, 503), (1, 200), (99, 200)])
async def test_the_version_of_the_schema(database: Database, tmp_path: Path, version: int, status: int) -> None:
    await database.execute(
        f"""create or replace function api.health() returns json
            language sql stable security definer set search_path = pg_catalog, pg_temp
            as $$ select json_build_object('schema_version', {version}) $$"""
    )
    async with serve(database.api_url, tmp_path, ready=False) as server, server.client() as client:
        await until_answer(client, HEALTH, 200)
        answer = await client.get(READY)
        assert answer.status_code == status
        if status == 503:
            check_problem(answer, 503, message="The schema has version 0, this API needs 1.")


async def test_the_schema_goes_away(database: Database, tmp_path: Path) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client() as client:
        await database.execute("alter function api.health() rename to hidden")
        await check_without_database(client)
        await database.execute("alter function api.hidden() rename to health")
        await until_answer(client, READY, 200)


async def test_a_database_that_does_not_answer(database: Database, tmp_path: Path) -> None:
    await database.execute(
        """create or replace function api.health() returns json language plpgsql as
           $$ begin perform pg_sleep(60); return '{}'; end $$"""
    )
    async with serve(database.api_url, tmp_path, ready=False) as server, server.client() as client:
        await until_answer(client, LIVE, 200)
        answer = await client.get(READY)
        check_problem(answer, 503, message="The database does not answer.")
        assert answer.elapsed.total_seconds() < 10

        async def cancelled() -> bool:
            return not await database.value(
                """select exists (select from pg_stat_activity
                   where datname = current_database() and query ~ '^select api.health' and state = 'active')"""
            )

        await until("the end of the statement", cancelled)


async def test_every_connection_of_the_pool_waits_for_one_lock(
    database: Database, tmp_path: Path, device_id: str, group: str
) -> None:
    await database.call("register_device", registration(device_id, group))
    path = f"/api/v1/devices/{device_id}"
    async with (
        serve(database.api_url, tmp_path, database__max_connections="3") as server,
        server.client(await database.create_key()) as client,
        database.cluster.session(database.name) as watch,
    ):
        async with transaction(database, "select from core.devices for update") as holder:
            waiting = [asyncio.create_task(client.delete(path)) for _ in range(3)]
            await until_blocked(watch, holder, 3)
            for probe in (READY, HEALTH):
                assert (await client.get(probe)).status_code == 200
            await database.execute(PROBES.format("pg_terminate_backend(pid)"))
            for probe in (READY, HEALTH):
                await until_answer(client, probe, 200)
            assert await database.value(PROBES.format("count(*)")) == 1
        assert sorted([(await answer).status_code for answer in waiting]) == [204, 404, 404]


# SIGTERM --------------------------------------------------------------------------------------------------------------


async def refused(server: Server) -> bool:
    """Nobody answers a new connection any more."""
    try:
        async with server.client() as newcomer:
            await newcomer.get(LIVE, timeout=1)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # one that was made in the last moment
        return False
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sigterm(database: Database, tmp_path: Path, device_id: str, group: str, workers: str) -> None:
    await database.call("register_device", registration(device_id, group))
    async with (
        serve(database.api_url, tmp_path, server__drain_seconds="2", server__workers=workers) as server,
        server.client(await database.create_key()) as client,
        server.client() as probe,
        database.cluster.session(database.name) as session,
        database.cluster.session(database.name) as watch,
    ):
        async with session.transaction():
            await session.execute("select from core.devices for update")
            slow = asyncio.create_task(client.delete(f"/api/v1/devices/{device_id}"))
            await until_blocked(watch, session)

            server.process.terminate()
            told = time.monotonic()
            answer = await until_answer(probe, READY, 503)
            check_problem(answer, 503, message="The server is shutting down.")
            assert (await probe.get("/unknown")).status_code == 404, "requests are still answered"

            await until("refused connections", lambda: refused(server))
            assert time.monotonic() - told > 1.9, "new ones were welcome while the server drained"
            assert server.process.returncode is None, "it waits for the request under way"
            assert not slow.done()
        finished = await slow
        assert finished.status_code == 204
        assert await server.stop() == 0
    assert await database.value(SESSIONS) == 0
    assert await database.value("select active from core.devices where device_id = $1", device_id) is False


async def test_workers_end_when_their_parent_was_killed(
    database: Database, tmp_path: Path, device_id: str, group: str
) -> None:
    await database.call("register_device", registration(device_id, group))
    async with (
        serve(database.api_url, tmp_path, server__workers="2") as server,
        server.client(await database.create_key()) as client,
        database.cluster.session(database.name) as watch,
    ):
        workers = server.workers
        assert len(workers) == 2
        try:
            async with transaction(database, "select from core.devices for update") as holder:
                slow = asyncio.create_task(client.delete(f"/api/v1/devices/{device_id}"))
                await until_blocked(watch, holder)
                await server.stop(signal.SIGKILL)
                await until("refused connections", lambda: refused(server))
                assert not slow.done()
            assert (await slow).status_code == 204

            async def ended() -> bool:
                return bool(await database.value(SESSIONS) == 0)

            await until("the end of their sessions", ended)
        finally:
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sigterm_without_requests(database: Database, tmp_path: Path, workers: str) -> None:
    async with serve(database.api_url, tmp_path, server__workers=workers) as server:
        assert await server.stop() == 0
        assert not [line for line in server.log_lines if line["level"] in ("error", "critical")]


async def test_sigterm_while_the_database_is_away(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.url("pm_test_nowhere", "nobody", API_PASSWORD)
    async with serve(url, tmp_path, ready=False) as server, server.client() as client:
        await until_answer(client, LIVE, 200)
        assert await server.stop() == 0
