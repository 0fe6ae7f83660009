"""Logs of failures: all that is needed to find the cause, and nothing of what was sent, however loudly things break."""

from __future__ import annotations

import asyncio
import base64
import gc
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from app import logs
from tests.conftest import now_ms, registration
from tests.contract import check_problem
from tests.raw_http import connect, request
from tests.server import Server, serve
from tests.waiting import until

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from tests.cluster import Database

REGISTER = "/api/v1/devices/register"
ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
LATITUDE, LONGITUDE = 45.2718281, -13.7314159
FCM = "fcm-SecretToken-0123456789"
IDEMPOTENCY_KEY = "idempotency-SecretKey-0123456789"
PASSWORD = "SecretPassword-0123456789"  # noqa: S105
POINT: dict[str, Any] = {"latitude": LATITUDE, "longitude": LONGITUDE, "accuracy": 7.5625, "altitude": 1234.4321}
SECRETS = [FCM, IDEMPOTENCY_KEY, PASSWORD, "2718281", "7314159", "7.5625", "1234.43"]

# PostgreSQL then quotes the parameters of a statement in the CONTEXT of its errors.
QUOTE_PARAMETERS = "alter database {} set log_parameter_max_length_on_error = -1"

# An error whose CONTEXT quotes a statement with the request in it.
QUOTE_STATEMENT = """
    create or replace function api.upload_location(
        p_request jsonb, p_context jsonb default '{}', out answer json, out replayed boolean, out counted integer
    ) language plpgsql security definer as
    $$ begin execute format('select %L from core.nowhere', p_request || p_context); end $$
"""
BREAK_TABLE = "alter table core.devices rename column last_speed to speed"

# The server itself does not expect this.
CRASH = """
    create or replace function api.register_device(p_request jsonb, out answer json, out counted integer)
    language plpgsql as $$ begin answer := p_request; end $$
"""


@pytest.fixture(params=["json", "pretty"])
async def broken(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A server whose database quotes parameters, and a client that sends secrets."""
    await database.call("register_device", registration(DEVICE, "family"))
    await database.execute(QUOTE_PARAMETERS.format(database.name))
    private = {"Idempotency-Key": IDEMPOTENCY_KEY, "X-FCM": FCM, "Cookie": PASSWORD}
    async with (
        serve(
            database.api_url,
            tmp_path,
            logging__format=request.param,
            security__metrics_username="prometheus",
            security__metrics_password=PASSWORD,
        ) as server,
        server.client(await database.create_key(), **private) as client,
    ):
        yield server, client


async def lines_of(server: Server, request_id: str, what: str) -> list[str]:
    """The lines of a request in the log, once they hold this."""

    async def lines() -> list[str]:
        found = [line for line in server.log.splitlines() if request_id in line]
        return found if any(what in line for line in found) else []

    return await until(f"{what} in the log", lines)


def check_nothing_private(server: Server, client: httpx.AsyncClient) -> None:
    """What clients sent is not in the log, nor are keys, in whatever form."""
    key = client.headers["X-API-Key"]
    encoded = [base64.b64encode(text.encode()).decode() for text in (key, FCM, f"prometheus:{PASSWORD}")]
    encoded += [text.encode().hex() for text in (key, FCM)]
    output = server.log
    assert output
    assert [secret for secret in [*SECRETS, key, key[3:30], *encoded] if secret in output] == []


@pytest.mark.parametrize(
    ("path", "break_it", "sqlstate", "place"),
    [
        (ONE, BREAK_TABLE, "42703", "PL/pgSQL function api.upload_location"),
        (BATCH, BREAK_TABLE, "42703", "PL/pgSQL function api.upload_location"),
        (ONE, QUOTE_STATEMENT, "42P01", "PL/pgSQL function api.upload_location(jsonb,jsonb) line 1 at EXECUTE"),
    ],
)
async def test_a_database_error_tells_its_place(
    broken: tuple[Server, httpx.AsyncClient], database: Database, path: str, break_it: str, sqlstate: str, place: str
) -> None:
    server, client = broken
    await database.execute(break_it)
    one = {"device_id": DEVICE, "timestamp": now_ms(), **POINT}
    body = {"device_id": DEVICE, "locations": [one]} if path == BATCH else one
    answer = await client.post(path, json=body, headers={"X-Request-ID": "failure-1"})
    check_problem(answer, 500, message="Internal error.")
    lines = await lines_of(server, "failure-1", "app.access")
    (cause,) = (line for line in lines if "app.database" in line)
    assert sqlstate in cause
    assert place in server.log
    if cause.startswith("{"):
        context = orjson.loads(cause)["context"]
        assert place in context
        assert all(line.startswith(("PL/pgSQL function ", "SQL function ")) for line in context.splitlines())
    check_nothing_private(server, client)


async def test_a_crash_tells_its_place(broken: tuple[Server, httpx.AsyncClient], database: Database) -> None:
    server, client = broken
    await database.execute(CRASH)
    body = registration(DEVICE, "family", fcm_token=FCM, **POINT)
    answer = await client.post(REGISTER, json=body, headers={"X-Request-ID": "crash-1"})
    check_problem(answer, 500, message="Internal error.")
    lines = await lines_of(server, "crash-1", "app.access")
    assert any("Unexpected error" in line for line in lines)
    assert "app/endpoint.py:" in server.log
    assert "TypeError" in server.log
    check_nothing_private(server, client)


async def test_what_is_refused_or_cut_off(broken: tuple[Server, httpx.AsyncClient], database: Database) -> None:
    server, client = broken
    one = {"device_id": DEVICE, "timestamp": now_ms(), **POINT}
    statuses = [
        (await client.post(path, json=body)).status_code
        for path, body in (
            (ONE, one),
            (ONE, one | {"latitude": 91.2718281}),
            (ONE, one | {"longitude": f"{LONGITUDE}"}),
            (ONE, one | {"accuracy": 1e300}),
            (BATCH, {"device_id": DEVICE, "locations": [one, one | {"provider": FCM * 9}]}),
            (BATCH, {"device_id": FCM, "locations": [one]}),
            (REGISTER, registration(DEVICE, "family", fcm_token=f"\0{FCM}")),
        )
    ]
    json = {"Content-Type": "application/json"}
    good = orjson.dumps(one)
    for content in (good[:-3], b"\xff" + good, b"[" * 9000 + good):
        statuses += [(await client.post(ONE, content=content, headers=json)).status_code]
    statuses.append((await client.get("/metrics", auth=("prometheus", PASSWORD))).status_code)
    statuses.append((await client.get("/metrics", auth=("prometheus", f"{PASSWORD}!"))).status_code)
    statuses.append((await client.get(f"/{FCM}?latitude={LATITUDE}")).status_code)
    async with connect(server.port) as connection:
        await connection.send(request("GET", f"/{LATITUDE} {FCM}", f"Cookie {PASSWORD}"))
        answer = await connection.answer()
    assert answer is not None
    async with database.cluster.session(database.name) as session, session.transaction():
        await session.execute("select from core.devices for update")
        cut_off = asyncio.create_task(client.post(ONE, json=one, headers={"Idempotency-Key": f"{IDEMPOTENCY_KEY}2"}))

        async def ended() -> bool:
            return bool(
                await session.fetchval(
                    """select pg_terminate_backend(pid) from pg_stat_activity
                       where datname = current_database() and application_name = 'phone-manager'
                           and wait_event_type = 'Lock'"""
                )
            )

        await until("the end of a session in the middle of its statement", ended)
        check_problem(await cut_off, 503)
    assert {200, 400, 401, 404, 422} <= {*statuses, answer.status_code}
    assert "app.database" in server.log
    check_nothing_private(server, client)


# The event loop -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.PrettyFormatter()])
async def test_what_the_event_loop_complains_of(formatter: logging.Formatter, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(what: str) -> None:
        raise ValueError(what)

    task = asyncio.create_task(fail(FCM))
    await asyncio.wait((task,))
    del task
    gc.collect()

    def callback(what: str) -> None:
        raise ValueError(what)

    asyncio.get_running_loop().call_soon(callback, FCM)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    records = [record for record in caplog.records if record.name == "asyncio"]
    assert len(records) == 2
    assert all(FCM in record.getMessage() for record in records)
    texts = [formatter.format(record) for record in records]
    assert not [text for text in texts if FCM in text]
    assert "Task exception was never retrieved" in texts[0]
    assert "Exception in callback" in texts[1]
    assert all("ValueError" in text for text in texts)
