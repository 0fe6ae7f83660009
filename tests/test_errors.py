"""Errors of the client's making: each status the API has for them, in the one shape of all errors."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from app import errors
from tests.conftest import point, registration
from tests.contract import CODES, check_problem
from tests.raw_http import connect, request
from tests.waiting import until

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
REGISTER = "/api/v1/devices/register"
ROUTES = [
    ("POST", REGISTER),
    ("GET", "/api/v1/devices?group_id=family"),
    ("DELETE", f"/api/v1/devices/{DEVICE}"),
    ("GET", f"/api/v1/devices/{DEVICE}/data-export"),
    ("DELETE", f"/api/v1/devices/{DEVICE}/data"),
    ("DELETE", "/api/v1/admin/devices/inactive?older_than_days=30"),
    ("POST", "/api/v1/locations"),
    ("POST", "/api/v1/locations/batch"),
]
INVALID_KEY = "Missing or invalid API key."
JSON = {"Content-Type": "application/json"}


async def use(server: Server, key: str) -> httpx.Response:
    async with server.client(key) as client:
        return await client.get("/api/v1/devices?group_id=family")


# 400 ------------------------------------------------------------------------------------------------------------------


async def test_bad_fields(api: httpx.AsyncClient) -> None:
    body = check_problem(await api.post(REGISTER, json={}), 400, fields=["device_id", "display_name", "group_id"])
    assert body["message"] == "The request has invalid fields."
    assert [entry["message"] for entry in body["details"]] == ["is required"] * 3


async def test_no_body(api: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        if method == "POST":
            check_problem(await api.post(path), 400, message="The request needs a body.")


# 401, 403 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_key(server: Server, method: str, path: str) -> None:
    async with server.client() as client:
        answer = await client.request(method, path, content=b"{nonsense" if method == "POST" else None)
    check_problem(answer, 401, message=INVALID_KEY)
    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize(
    "key",
    ["", "x", "pm_", "pm_" + "a" * 44, "pm_" + "a" * 46, "PM_" + "a" * 45, "a" * 48, "pm_" + "a" * 44 + "+",
     "pm_" + "a" * 10_000, "Bearer pm_" + "a" * 45, "pm_" + "a" * 44 + "\u00e4", "pm_" + "a" * 45],
    ids=len,
)  # fmt: skip
async def test_a_malformed_or_unknown_key(server: Server, key: str) -> None:
    async with server.client() as client:
        answer = await client.get("/api/v1/devices", headers=[(b"X-API-Key", key.encode("latin-1"))])
    check_problem(answer, 401, message=INVALID_KEY)


async def test_a_key_in_the_query_is_no_key(server: Server, module_database: Database) -> None:
    key = await module_database.create_key()
    async with server.client() as client:
        answer = await client.get("/api/v1/devices", params={"X-API-Key": key, "api_key": key})
    check_problem(answer, 401, message=INVALID_KEY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update core.api_keys set is_active = false", INVALID_KEY),
        ("delete from core.api_keys", INVALID_KEY),
        ("update core.api_keys set expires_at = now()", "The API key has expired."),
        ("update core.api_keys set expires_at = now(), is_active = false", INVALID_KEY),
    ],
)
async def test_a_revoked_key_stops_working(
    server: Server, module_database: Database, change: str, message: str
) -> None:
    key = await module_database.create_key()
    assert (await use(server, key)).status_code == 200
    await module_database.value(f"{change} where key_hash = $1", hashlib.sha256(key.encode()).digest())

    async def refused() -> bool:
        return (await use(server, key)).status_code != 200

    await until("it is refused", refused)
    check_problem(await use(server, key), 401, message=message)


async def test_a_key_without_the_right(server: Server, module_database: Database) -> None:
    for admin in (False, True):
        async with server.client(await module_database.create_key(admin=admin)) as client:
            answer = await client.delete("/api/v1/admin/devices/inactive")
        if admin:
            check_problem(answer, 400, fields=["older_than_days"])
        else:
            check_problem(answer, 403, message="This API key may not use administration routes.")


async def test_authentication_comes_before_the_body_is_read(server: Server) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("POST", REGISTER, "Content-Type: application/json", "Content-Length: 100"))
        answer = await connection.answer()
    assert answer is not None
    check_problem(answer, 401, message=INVALID_KEY)


# 404, 405 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/devices/", "/api/v2/devices", "/api/v1/Devices", "/api/v1/locations/",
     "/api/v1/locations/batch/x", f"/api/v1/devices/{DEVICE}/x", "//api/v1/devices", "/api/v1/devices/a%2Fb",
     "/favicon.ico", "/docs", "/openapi.json", "/api/health/"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_route(server: Server, method: str, path: str) -> None:
    async with server.client() as client:
        answer = await client.request(method, server.url + path)
    check_problem(answer, 404, message="There is no such route.")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/locations", {"POST"}),
        ("PUT", "/api/v1/locations", {"POST"}),
        ("DELETE", "/api/v1/locations/batch", {"POST"}),
        ("POST", "/api/v1/devices", {"GET", "HEAD"}),
        ("PATCH", f"/api/v1/devices/{DEVICE}", {"DELETE"}),
        ("GET", f"/api/v1/devices/{DEVICE}", {"DELETE"}),
        ("GET", REGISTER, {"DELETE", "POST"}),  # it might be the id of a device, too
        ("POST", f"/api/v1/devices/{DEVICE}/data-export", {"GET"}),
        ("PUT", f"/api/v1/devices/{DEVICE}/data", {"DELETE"}),
        ("GET", "/api/v1/admin/devices/inactive", {"DELETE"}),
        ("OPTIONS", "/api/v1/locations", {"POST"}),
        ("TRACE", "/api/v1/locations", {"POST"}),
        ("POST", "/api/health", {"GET", "HEAD"}),
        ("DELETE", "/api/health/live", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method(server: Server, method: str, path: str, allowed: set[str]) -> None:
    async with server.client() as client:
        answer = await client.request(method, path)
    check_problem(answer, 405, message="This route does not have that method.")
    assert set(answer.headers["Allow"].split(", ")) == allowed


# 409, 422 -------------------------------------------------------------------------------------------------------------


async def test_a_business_rule_and_a_reused_key(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await module_database.value(
        """insert into core.devices (device_id, display_name, group_id)
           select gen_random_uuid(), 'Phone', $1 from generate_series(1, 20)""",
        group,
    )
    full = "Group has reached maximum device limit (20)"
    check_problem(await api.post(REGISTER, json=registration(device_id, group)), 409, message=full)

    await api.post(REGISTER, json=registration(device_id, f"{group}-2"))
    key = {"Idempotency-Key": device_id}
    one = {"device_id": device_id, **point()}
    assert (await api.post("/api/v1/locations", json=one, headers=key)).status_code == 200
    answer = await api.post("/api/v1/locations", json={**one, "speed": 1}, headers=key)
    check_problem(answer, 422, message="This Idempotency-Key was used for another request.")


# 415 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/xml", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_body_that_is_not_json(
    server: Server, module_database: Database, method: str, path: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    async with server.client(await module_database.create_key(admin=True)) as client:
        answer = await client.request(method, path, content=b"{}", headers=headers)
    check_problem(answer, 415, message="The body must have Content-Type: application/json.")


# 429 ------------------------------------------------------------------------------------------------------------------


async def test_the_rate_limit(server: Server, module_database: Database) -> None:
    key = await module_database.create_key(rate_limit=3)
    async with server.client(key) as client:
        remaining = []
        for content in (b"{}", b"nonsense", b"{}"):
            answer = await client.post(REGISTER, content=content, headers=JSON)
            assert answer.status_code == 400
            assert answer.headers["RateLimit-Limit"] == "3"
            assert 60 <= int(answer.headers["RateLimit-Reset"]) <= 61
            remaining.append(answer.headers["RateLimit-Remaining"])
        assert remaining == ["2", "1", "0"]

        answer = await client.post(REGISTER, content=b"nonsense", headers=JSON)
        body = check_problem(answer, 429, message="The limit of 3 requests is reached.")
    assert 55 <= body["retry_after"] <= 61
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("3", "0")
    assert int(answer.headers["RateLimit-Reset"]) >= body["retry_after"]


# All statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [
        ("PT404", 404), ("PT409", 409), ("PT422", 422), ("08006", 503), ("53300", 503), ("57P01", 503), ("57P03", 503),
        ("57014", 408), ("22P02", 400), ("22P05", 400), ("22021", 400), ("22003", 400), ("23502", 400), ("23514", 400),
        ("23503", 404), ("23505", 409), ("40001", 503), ("40P01", 503), ("25006", 503), ("54001", 400), ("42883", 500),
        ("42501", 500), ("XX000", 500), ("P0001", 500), ("PT200", 500), ("53100", 503),
    ],
)  # fmt: skip
def test_what_an_error_of_the_database_becomes(sqlstate: str, status: int) -> None:
    fields: dict[str, Any] = {"C": sqlstate, "M": "relation core.secret of 45.27", "D": None, "S": "ERROR"}
    problem = errors.from_postgres(asyncpg.PostgresError.new(fields))
    assert problem.status == status
    told_on_purpose = sqlstate.startswith("PT") and status != 500
    assert ("secret" in problem.message) is told_on_purpose


def test_every_status_has_the_code_of_the_contract() -> None:
    assert errors.CODES == CODES
