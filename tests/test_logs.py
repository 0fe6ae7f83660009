"""Logs: what each line holds, how a request is traced, and that nothing private is written."""

from __future__ import annotations

import base64
import logging
import re
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from app import logs
from tests.conftest import now_ms, registration
from tests.contract import TIME, UUID
from tests.raw_http import connect, request
from tests.server import Server, serve
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
LATITUDE, LONGITUDE, ACCURACY, ALTITUDE = 45.2718281, -13.7314159, 7.5625, 1234.4321
FCM = "fcm-SecretToken-0123456789"
IDEMPOTENCY_KEY = "idempotency-SecretKey-0123456789"
PASSWORD = "SecretPassword-0123456789"  # noqa: S105
QUOTE_THE_REQUEST = """
    create or replace function api.upload_location(
        p_request jsonb, p_context jsonb default '{}', out answer json, out replayed boolean, out counted integer
    ) language plpgsql as
    $$ begin raise exception 'broken' using detail = p_request, hint = p_context; end $$;
    create or replace function api.upload_location_many(p_requests jsonb[])
    returns table (request integer, answer json, counted integer) language plpgsql as
    $$ begin raise exception 'broken' using detail = p_requests; end $$;
"""
ACCESS_FIELDS = {
    "timestamp", "level", "target", "message", "request_id", "method", "path", "status", "duration_ms", "api_key_id",
}  # fmt: skip


async def access(server: Server, request_id: str) -> dict[str, object]:
    """The line of a request in the log, which is written after the answer."""

    async def lines() -> list[dict[str, object]]:
        return [one for one in server.log_lines if one["target"] == "app.access" and one["request_id"] == request_id]

    (line,) = await until(f"the line of request {request_id}", lines)
    return line


async def test_what_is_no_request_has_a_line_too(server: Server) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("GET", "/api/health/live", "X-Request-ID: before") + b"hello\r\n\r\n")
        await connection.answer()
        answer = await connection.answer()
    assert answer is not None
    line = await access(server, answer.headers["X-Request-ID"])
    assert set(line) == ACCESS_FIELDS
    assert (line["method"], line["path"], line["status"]) == (None, None, 400)
    assert (await access(server, "before"))["status"] == 200


@pytest.mark.parametrize(
    ("method", "target", "status", "path", "with_key"),
    [
        ("GET", "/api/v1/devices?group_id=family", 200, "/api/v1/devices", True),
        ("GET", "/api/v1/devices", 401, "/api/v1/devices", False),
        ("DELETE", f"/api/v1/devices/{DEVICE}", 404, "/api/v1/devices/{device_id}", True),
        ("POST", "/api/v1/devices/register", 400, "/api/v1/devices/register", True),
        ("PUT", "/api/v1/devices/register", 405, "/api/v1/devices/register", True),
        ("GET", "/private/path?of=somebody", 404, None, True),
        ("GET", "/api/health/live", 200, "/api/health/live", False),
    ],
)
async def test_the_line_of_a_request(
    server: Server,
    module_database: Database,
    method: str,
    target: str,
    status: int,
    path: str | None,
    with_key: bool,  # noqa: FBT001
) -> None:
    async with server.client(await module_database.create_key() if with_key else None) as client:
        answer = await client.request(method, target)
    assert answer.status_code == status
    line = await access(server, answer.headers["X-Request-ID"])
    assert set(line) == ACCESS_FIELDS
    assert (line["level"], line["target"], line["message"]) == ("info", "app.access", "request")
    assert (line["method"], line["path"], line["status"]) == (method, path, status)
    assert TIME.fullmatch(str(line["timestamp"]))
    assert UUID.fullmatch(str(line["request_id"]))
    duration = line["duration_ms"]
    assert isinstance(duration, float)
    assert 0 < duration < 60_000
    key_id = await module_database.value("select max(id) from core.api_keys")
    authenticated = with_key and target.startswith("/api/v1") and status != 405
    assert line["api_key_id"] == (key_id if authenticated else None)


async def test_the_id_of_the_client_is_on_the_line(server: Server) -> None:
    async with server.client() as client:
        await client.get("/api/health/live", headers={"X-Request-ID": "trace-of-a-client"})
    assert (await access(server, "trace-of-a-client"))["status"] == 200


async def test_a_database_error_is_traced_from_the_answer_to_its_cause(database: Database, tmp_path: Path) -> None:
    await database.execute("alter table core.devices rename column platform to platform_2")
    async with (
        serve(database.api_url, tmp_path) as server,
        server.client(await database.create_key()) as client,
    ):
        answer = await client.post("/api/v1/devices/register", json=registration(DEVICE, "family", fcm_token=FCM))
        assert answer.status_code == 500
        request_id = answer.headers["X-Request-ID"]
        assert (await access(server, request_id))["status"] == 500
        (cause,) = (one for one in server.log_lines if one["level"] == "error" and one["request_id"] == request_id)
        assert cause["target"] == "app.database"
        assert cause["sqlstate"] == "42703"
        assert 'column "platform"' in str(cause["message"])
        assert "PL/pgSQL function api.register_device(jsonb) line" in str(cause["context"])
        assert FCM not in server.log


async def test_nothing_private_is_written(database: Database, tmp_path: Path) -> None:
    key = await database.create_key()
    unknown_key = "pm_" + "SecretUnknownKey" + "a" * 29
    one = {
        "device_id": DEVICE, "timestamp": now_ms(), "latitude": LATITUDE, "longitude": LONGITUDE, "accuracy": ACCURACY,
        "altitude": ALTITUDE,
    }  # fmt: skip
    bad_points = [
        {**one, "speed": "fast"},
        {**one, "latitude": 91.2718281},
        {**one, "provider": "a\0b"},
    ]
    private = {"Idempotency-Key": IDEMPOTENCY_KEY, "X-FCM": FCM, "Cookie": PASSWORD}
    statuses = set()
    async with serve(database.api_url, tmp_path) as server, server.client(key, **private) as client:
        for break_it in (
            "",
            "alter table core.devices rename column last_speed to speed",
            QUOTE_THE_REQUEST,
        ):
            if break_it:
                await database.execute(break_it)
            await client.post("/api/v1/devices/register", json=registration(DEVICE, "family", fcm_token=FCM))
            for path, body in (
                ("/api/v1/locations", one),
                ("/api/v1/locations", one | {"latitude": LATITUDE + 1}),  # the key was used for another body
                ("/api/v1/locations/batch", {"device_id": DEVICE, "locations": [one]}),
                ("/api/v1/locations/batch", {"device_id": DEVICE, "locations": bad_points}),
                *(("/api/v1/locations", bad) for bad in bad_points),
            ):
                statuses.add((await client.post(path, json=body)).status_code)
            content = orjson.dumps(one)
            for broken in (content[:-5], content.replace(b"accuracy", b"\xff"), b"[" * 9000 + content):
                headers = {"Content-Type": "application/json"}
                statuses.add((await client.post("/api/v1/locations", content=broken, headers=headers)).status_code)
            statuses.add((await client.get(f"/api/v1/devices?group_id={LATITUDE}&token={FCM}")).status_code)
            statuses.add((await client.get(f"/{FCM}/{LATITUDE}")).status_code)
        statuses.add((await client.get("/api/v1/devices", headers={"X-API-Key": unknown_key})).status_code)
        for raw in (
            request("GET", "/", f"X-API-Key {key}"),
            request("GET", f"/{LATITUDE} {FCM}"),
            f"{PASSWORD}\r\n\r\n".encode(),
        ):
            async with connect(server.port) as connection:
                await connection.send(raw)
                answer = await connection.answer()
            assert answer is not None
            statuses.add(answer.status_code)
        await database.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where application_name = 'phone-manager' and datname = current_database()"""
        )
        statuses.add((await client.post("/api/v1/locations", json=one)).status_code)
        output = server.log
    assert {200, 400, 401, 404, 422, 500} <= statuses
    assert output.count("app.access") > 30
    secrets = [
        key,
        key[3:30],
        unknown_key,
        "SecretUnknownKey",
        FCM,
        IDEMPOTENCY_KEY,
        PASSWORD,
        "2718281",
        "7314159",
        "7.5625",
        "1234.43",
    ]
    secrets += [base64.b64encode(text.encode()).decode() for text in (key, FCM)] + [
        key.encode().hex(),
        FCM.encode().hex(),
    ]
    assert [secret for secret in secrets if secret in output] == []


async def test_the_password_of_the_database_is_not_written(database: Database, tmp_path: Path) -> None:
    url = re.sub(r"(//\w+):\w+@", rf"\1:{PASSWORD}@", database.api_url)
    assert PASSWORD in url
    async with serve(url, tmp_path, ready=False) as server, server.client("pm_" + "x" * 45) as client:

        async def serving() -> bool:
            return "Uvicorn running" in server.log

        await until("the start", serving)
        assert (await client.get("/api/v1/devices?group_id=family", timeout=30)).status_code == 503
        assert PASSWORD not in server.log
        assert "InvalidPasswordError" in server.log


async def test_pretty_lines_and_levels(database: Database, tmp_path: Path) -> None:
    async with (
        serve(database.api_url, tmp_path, logging__format="pretty", logging__level="info") as server,
        server.client() as client,
    ):
        answer = await client.get("/api/v1/devices", headers={"X-Request-ID": "pretty-1"})
        assert answer.status_code == 401

        async def lines() -> list[str]:
            return [one for one in server.log.splitlines() if "request_id=pretty-1" in one]

        (line,) = await until("the line of the request", lines)
        assert re.fullmatch(
            r"\S+Z INFO +app\.access: request request_id=pretty-1 method=GET path=/api/v1/devices status=401"
            r" duration_ms=[\d.]+ api_key_id=None",
            line,
        )
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    async with serve(database.api_url, quiet, logging__level="warning") as server, server.client() as client:
        await client.get("/api/v1/devices")
        assert server.log == ""


@pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.PrettyFormatter()])
def test_of_an_exception_only_its_type_and_places_are_written(formatter: logging.Formatter) -> None:
    def fail() -> None:
        raise ValueError(FCM)

    def fail_again() -> None:
        try:
            fail()
        except ValueError as cause:
            raise RuntimeError(PASSWORD) from cause

    try:
        fail_again()
    except RuntimeError:
        record = logging.LogRecord("app", logging.ERROR, __file__, 1, "It broke", None, sys.exc_info())
    text = formatter.format(record)
    assert "It broke" in text
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert f"{__file__}:" in text
    assert FCM not in text
    assert PASSWORD not in text
    if isinstance(formatter, logs.JsonFormatter):
        assert "\n" not in text
        assert set(orjson.loads(text)) == {"timestamp", "level", "target", "message", "exception"}


def test_what_else_a_record_carries_is_left_out() -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "%s lines", (2,), None)
    record.latitude = LATITUDE
    record.status = 200
    line = orjson.loads(logs.JsonFormatter().format(record))
    assert line.pop("timestamp")
    assert line == {"level": "info", "target": "app", "message": "2 lines", "status": 200}
