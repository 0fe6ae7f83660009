"""Failures of the server's making: too slow, too large, a database that is broken or away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.middleware import Cors, RequestContext
from tests.conftest import point, registration
from tests.contract import check_headers, check_problem
from tests.memory import peak_memory
from tests.raw_http import connect, request
from tests.server import Server, serve
from tests.waiting import until, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from tests.cluster import Database

REGISTER = "/api/v1/devices/register"
MIB = 1 << 20
UNAVAILABLE = "The service is unavailable at the moment."
RUNNING = """select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'phone-manager' and state <> 'idle'"""


@pytest_asyncio.fixture(scope="module")
async def hasty_server(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that gives a request two seconds, and a client as long to begin one: one is too few here."""
    directory = tmp_path_factory.mktemp("hasty")
    async with serve(module_database.api_url, directory, server__request_timeout_seconds="2") as running:
        yield running


@asynccontextmanager
async def own_server(database: Database, directory: Path) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A server of a test's own, and a client."""
    async with serve(database.api_url, directory) as server, server.client(await database.create_key()) as client:
        yield server, client


async def no_statement_runs(database: Database) -> bool:
    return bool(await database.value(RUNNING) == 0)


# 408 ------------------------------------------------------------------------------------------------------------------


async def test_a_slow_statement_is_cancelled_in_postgresql_too(
    hasty_server: Server, module_database: Database, device_id: str, group: str
) -> None:
    await module_database.call("register_device", registration(device_id, group))
    one = {"device_id": device_id, **point()}
    async with (
        hasty_server.client(await module_database.create_key()) as client,
        module_database.cluster.session(module_database.name) as session,
        module_database.cluster.session(module_database.name) as watch,
    ):
        transaction = session.transaction()
        await transaction.start()
        await session.execute("select from core.devices where device_id = $1 for update", device_id)
        upload = asyncio.create_task(client.post("/api/v1/locations", json=one))
        await until_blocked(watch, session)

        answer = await upload
        check_problem(answer, 408, message="The request took too long.")
        assert 0.9 < answer.elapsed.total_seconds() < 10
        await until("the end of all statements", lambda: no_statement_runs(module_database))  # the lock is still held
        await transaction.rollback()

        count = "select count(*) from core.locations where device_id = $1"
        assert await module_database.value(count, device_id) == 0
        assert (await client.post("/api/v1/locations", json=one)).json() == {"success": True, "processed_count": 1}


async def test_many_slow_statements_leave_the_pool_usable(
    hasty_server: Server, module_database: Database, device_id: str, group: str
) -> None:
    await module_database.call("register_device", registration(device_id, group))
    one = {"device_id": device_id, **point()}
    async with (
        hasty_server.client(await module_database.create_key()) as client,
        module_database.cluster.session(module_database.name) as session,
    ):
        async with session.transaction():
            await session.execute("select from core.devices where device_id = $1 for update", device_id)
            answers = await asyncio.gather(*(client.post("/api/v1/locations", json=one) for _ in range(30)))
            assert {answer.status_code for answer in answers} == {408}
            await until("the end of all statements", lambda: no_statement_runs(module_database))
        answers = await asyncio.gather(*(client.post("/api/v1/locations", json=one) for _ in range(30)))
        assert sum(answer.json().get("duplicate_count", 0) for answer in answers) == 29


async def test_a_statement_that_does_not_end_when_cancelled(database: Database, tmp_path: Path) -> None:
    await database.execute(
        """create or replace function api.deactivate_device(p_request jsonb) returns json language plpgsql as
           $$ begin perform pg_sleep(60); exception when query_canceled then perform pg_sleep(60); end $$"""
    )
    async with (
        serve(database.api_url, tmp_path, server__request_timeout_seconds="1") as server,
        server.client(await database.create_key()) as client,
    ):
        answer = await client.delete("/api/v1/devices/x")
        check_problem(answer, 408, message="The request took too long.")
        assert answer.elapsed.total_seconds() < 8
        check_problem(await client.get("/api/v1/devices"), 400, fields=["group_id"])


async def test_an_admission_that_does_not_come(database: Database, tmp_path: Path) -> None:
    definition = await database.value("select pg_get_functiondef('api.admit'::regproc)")
    stuck = definition[: definition.index("AS $")] + "AS $$ begin perform pg_sleep(600); end $$"
    async with own_server(database, tmp_path) as (_, client):
        await database.execute(stuck)
        check_problem(await client.get("/api/v1/devices?group_id=family"), 503, message=UNAVAILABLE)
        await database.execute(definition)
        assert (await client.get("/api/v1/devices?group_id=family")).json() == {"devices": []}


async def test_a_body_that_does_not_come(hasty_server: Server, module_database: Database) -> None:
    key = f"X-API-Key: {await module_database.create_key()}"
    async with connect(hasty_server.port) as connection:
        await connection.send(
            request("POST", REGISTER, key, "Content-Type: application/json", "Content-Length: 9", body=b"{")
        )
        answer = await connection.answer()
    assert answer is not None
    check_problem(answer, 408, message="The request took too long.")


# 413 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [MIB + 1, 10**12])
async def test_an_announced_body_over_the_maximum(server: Server, module_database: Database, size: int) -> None:
    key = f"X-API-Key: {await module_database.create_key()}"
    for path in (REGISTER, "/api/v1/locations", "/api/v1/locations/batch"):
        async with connect(server.port) as connection:
            lines = (key, "Content-Type: application/json", f"Content-Length: {size}", "Expect: 100-continue")
            await connection.send(request("POST", path, *lines))
            answer = await connection.answer()  # before a byte of the body was sent
        assert answer is not None
        check_problem(answer, 413, message="The body is larger than 1048576 bytes.")


async def test_a_chunked_body_over_the_maximum_is_not_read_into_memory(
    server: Server, module_database: Database
) -> None:
    key = f"X-API-Key: {await module_database.create_key()}"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with connect(server.port) as connection:
        await connection.send(
            request("POST", REGISTER, key, "Content-Type: application/json", "Transfer-Encoding: chunked")
        )
        for _ in range(17):  # 16 are 1 MiB
            await connection.send(chunk)
        answer = await connection.answer()  # while the body goes on
        assert answer is not None
        check_problem(answer, 413, message="The body is larger than 1048576 bytes.")
        before = await peak_memory(server.process.pid)
        for _ in range(1000):
            await connection.send(chunk)
        assert await peak_memory(server.process.pid) - before < 8 * MIB


async def test_bodies_of_the_maximum_are_read(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    body = httpx.Request("POST", "http://x", json=registration(device_id, group)).content
    headers = {"Content-Type": "application/json"}
    answer = await api.post(REGISTER, content=body.ljust(MIB), headers=headers)
    assert answer.status_code == 200
    check_problem(await api.post(REGISTER, content=body.ljust(MIB + 1), headers=headers), 413)

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, size, 40_000):
            yield body.ljust(size)[start : start + 40_000]

    assert (await api.post(REGISTER, content=chunks(MIB), headers=headers)).status_code == 200
    check_problem(await api.post(REGISTER, content=chunks(MIB + 1), headers=headers), 413)


# 500 ------------------------------------------------------------------------------------------------------------------


async def test_a_broken_database_is_told_to_the_log_only(database: Database, tmp_path: Path) -> None:
    async with own_server(database, tmp_path) as (server, client):
        await database.execute("drop function api.deactivate_device(jsonb)")
        answer = await client.delete("/api/v1/devices/x", headers={"X-Request-ID": "broken-1"})
        check_problem(answer, 500, message="Internal error.")
        assert answer.headers["X-Request-ID"] == "broken-1"
        (line,) = (line for line in server.log_lines if line["level"] == "error")
        assert (line["request_id"], line["sqlstate"]) == ("broken-1", "42883")
        assert "api.deactivate_device" in str(line["message"])

        await database.execute(
            """create function api.deactivate_device(p_request jsonb) returns json language plpgsql
               as $$ begin raise exception 'secret %', p_request ->> 'device_id'; end $$;
               grant execute on function api.deactivate_device(jsonb) to pm_api"""
        )
        answer = await client.delete("/api/v1/devices/x")
        check_problem(answer, 500, message="Internal error.")
        (line,) = (line for line in server.log_lines if line["level"] == "error" and line["sqlstate"] == "P0001")
        assert line["request_id"] == answer.headers["X-Request-ID"]
        assert "PL/pgSQL function api.deactivate_device(jsonb) line 1 at RAISE" in str(line["context"])


async def test_a_crash_of_the_server_is_a_500_too(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(_: Request) -> Any:
        raise RuntimeError("secret")

    async def break_off(_: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a part"
            raise RuntimeError("secret")

        return StreamingResponse(parts())

    async def cut_short(_: Request) -> Any:
        raise asyncio.CancelledError

    app = Starlette(
        routes=[Route("/crash", crash), Route("/part", break_off), Route("/cut", cut_short)],
        middleware=[Middleware(RequestContext, partial(Cors, allow_origins=["*"]))],
    )

    async def as_uvicorn_calls_it(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {}}, receive, send)

    transport = httpx.ASGITransport(as_uvicorn_calls_it)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        client.headers["Origin"] = "https://app.example"
        answer = await client.get("/crash")
        check_problem(answer, 500, message="Internal error.")
        assert answer.headers["Access-Control-Allow-Origin"] == "*", "a page may read it"
        answer = await client.get("/cut")
        check_problem(answer, 503, message="The server is shutting down.")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        with pytest.raises(RuntimeError):  # the server then breaks the connection
            await client.get("/part")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["Unexpected error"] * 2


# 503 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "back"),
    [
        ("allow_connections false", "allow_connections true"),
        ("connection limit 0", "connection limit -1"),
        ("set default_transaction_read_only = on", "reset default_transaction_read_only"),
    ],
)
async def test_a_database_that_is_away_and_comes_back(
    database: Database, tmp_path: Path, device_id: str, group: str, away: str, back: str
) -> None:
    end_sessions = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.name}'"
    body = registration(device_id, group)
    async with own_server(database, tmp_path) as (server, client), database.cluster.session("postgres") as operator:
        assert (await client.post(REGISTER, json=body)).status_code == 200

        await operator.execute(f"alter database {database.name} {away}")
        await operator.execute(end_sessions)
        for _ in range(3):
            answer = await client.post(REGISTER, json=body)
            check_problem(answer, 503, message=UNAVAILABLE)
            assert answer.headers["Retry-After"] == "5"

        await operator.execute(f"alter database {database.name} {back}")
        await operator.execute(end_sessions)

        async def recovered() -> bool:
            return (await client.post(REGISTER, json=body)).status_code != 503

        await until("the recovery of the server", recovered)
        answer = await client.post(REGISTER, json=body)
        assert answer.status_code == 200
        check_headers(answer)
        assert server.process.returncode is None
