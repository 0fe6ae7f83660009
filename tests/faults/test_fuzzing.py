"""Requests made up at random, over bare sockets: each has an answer of the contract, and none is a failure."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.api_description import METHODS
from tests.conftest import point, registration
from tests.contract import check_any_problem, check_headers
from tests.examples import bounded
from tests.raw_http import connect, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

REQUESTS = int(os.environ.get("PM_FAULT_REQUESTS", "3000"))
FEW = 512
EACH = 4  # routes, headers and bodies of an example
PER_EXAMPLE = EACH**3

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
GROUP = "family"
V1 = "/api/v1"
BODIES: dict[str, dict[str, Any]] = {
    f"{V1}/devices/register": registration(DEVICE, GROUP, platform="ios", fcm_token=None),
    f"{V1}/locations": {"device_id": DEVICE, **point(altitude=1.5, bearing=2, speed=3, battery_level=50)},
    f"{V1}/locations/batch": {"device_id": DEVICE, "locations": [point(), point()]},
}
TARGETS = [
    *BODIES,
    *(f"{V1}/devices?group_id={GROUP}", f"{V1}/devices", f"{V1}/devices/{DEVICE}", f"{V1}/devices/{DEVICE}/data"),
    *(f"{V1}/admin/devices/inactive?older_than_days=3650", "/api/health", "/api/health/live", "/api/health/ready"),
]
HEADERS = [
    *("X-API-Key", "X-Request-ID", "Idempotency-Key", "Accept", "Accept-Encoding", "Accept-Language", "Range"),
    *("Origin", "Referer", "If-None-Match", "Forwarded", "X-Forwarded-For", "User-Agent", "Authorization"),
    *("Cookie", "Content-Type"),
]  # not those that say where a body ends: tests/test_protocol.py

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["", "\0", "null", "NaN", DEVICE, GROUP, "x" * 300]
)
any_number = st.integers() | st.floats() | st.sampled_from([10**400, -(10**40), 2**63, 1e308, 5e-324, -0.0])
any_json = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=10,
)
PARTS = ["/", "%", "%00", "%2f", "%ff", "?", "&", "=", "..", "group_id", DEVICE, "api", "v1", "devices", "+", ";"]
any_target = st.lists(st.sampled_from(PARTS), max_size=8).map(lambda parts: "/" + "".join(parts))
header_value = st.binary(max_size=60).filter(lambda value: not set(value) & {0, 10, 13}) | st.sampled_from(
    [b"gzip", b"application/json", b"text/plain", b"bytes=0-1", b"127.0.0.1", b"*", b"x" * 5000]
)


FIELDS = sorted({name for body in BODIES.values() for name in body})

any_route: st.SearchStrategy[Any] = st.tuples(
    st.sampled_from(["GET", "POST", "POST", "DELETE", *(name.upper() for name in METHODS)]),
    st.sampled_from(TARGETS) | any_target,
)
any_headers: st.SearchStrategy[Any] = st.dictionaries(st.sampled_from(HEADERS), header_value, max_size=2)
any_body: st.SearchStrategy[Any] = (
    st.dictionaries(st.sampled_from(FIELDS) | any_text, any_json, max_size=3)
    | st.dictionaries(st.sampled_from(FIELDS), any_json, max_size=1)
    | st.binary(max_size=100)
)


def check(answer: httpx.Response | None, sent: bytes) -> None:
    """There is an answer, and it is one of the contract."""
    assert answer is not None, sent
    assert answer.status_code in {200, 204, 400, 401, 404, 405, 415, 422}, (sent, answer.text)
    check_headers(answer)
    if answer.status_code >= 400 and answer.content:
        check_any_problem(answer)


@pytest_asyncio.fixture(scope="module")
async def key(module_database: Database) -> str:
    """A key for everything, without a limit, and a device for requests that are nearly good."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")
    await module_database.call("register_device", registration(DEVICE, GROUP))
    return await module_database.create_key(admin=True)


@asynccontextmanager
async def at_least(server: Server, count: int) -> AsyncIterator[None]:
    """The server has answered so many requests when the block ends."""
    before = len(server.log.splitlines())
    yield
    assert len(server.log.splitlines()) - before >= count


@pytest_asyncio.fixture
async def hundreds(server: Server) -> AsyncIterator[None]:
    """So many requests that a short test sends."""
    async with at_least(server, FEW):
        yield


@pytest_asyncio.fixture
async def thousands(server: Server) -> AsyncIterator[None]:
    """So many requests that a long test sends."""
    async with at_least(server, REQUESTS):
        yield


def assembled(key: str, route: tuple[str, str], changed: dict[str, bytes], change: dict[str, Any] | bytes) -> bytes:
    """A good request with some headers changed, and some fields of its body, or its whole body."""
    method, target = route
    body = change if isinstance(change, bytes) else json.dumps({**BODIES.get(target, {}), **change}).encode()
    headers = {"X-API-Key": key.encode(), "Content-Type": b"application/json", **changed}
    lines = [f"{name}: {value.decode('latin-1')}" for name, value in headers.items()]
    return request(method, target, *lines, f"Content-Length: {len(body)}", body=body)


async def fuzz(server: Server, key: str, data: st.DataObject) -> None:
    """Makes up routes, headers and bodies, and sends all requests that can be put together from them."""
    some_routes, some_headers, some_bodies = (
        [data.draw(part) for _ in range(EACH)] for part in (any_route, any_headers, any_body)
    )
    left = list(product(some_routes, some_headers, some_bodies))
    while left:
        async with connect(server.port) as connection:
            while left:
                route, headers, body = left.pop()
                sent = assembled(key, route, headers, body)
                await connection.send(sent)
                answer = await connection.answer(head=route[0] == "HEAD")
                check(answer, sent)
                if answer is not None and answer.headers.get("Connection") == "close":
                    break  # what is no HTTP ends its connection


@bounded(FEW // PER_EXAMPLE)
@given(data=st.data())
@pytest.mark.usefixtures("hundreds")
async def test_hundreds_of_requests(server: Server, key: str, data: st.DataObject) -> None:
    await fuzz(server, key, data)


@pytest.mark.long
@pytest.mark.timeout(3600)
@bounded(-(-REQUESTS // PER_EXAMPLE))
@given(data=st.data())
@pytest.mark.usefixtures("thousands")
async def test_thousands_of_requests(server: Server, key: str, data: st.DataObject) -> None:
    await fuzz(server, key, data)
