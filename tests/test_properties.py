"""Whatever a client sends, the answer is one of the contract, and never the server's own failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import point, registration
from tests.contract import check_any_problem, check_headers
from tests.examples import bounded
from tests.raw_http import connect, request

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
GROUP = "family"
REGISTER = "/api/v1/devices/register"
ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
PATHS = st.sampled_from([REGISTER, ONE, BATCH])


@pytest_asyncio.fixture(scope="module", autouse=True)
async def known_device(module_database: Database) -> None:
    """A device that nearly valid requests name."""
    await module_database.call("register_device", registration(DEVICE, GROUP))


# Anything at all ------------------------------------------------------------------------------------------------------

any_text = st.text(st.characters(), max_size=60) | st.sampled_from(["", "\0", "\ud800", "NaN", "null", DEVICE, GROUP])
any_number = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**400, -(10**40), 2**63, 1e308])
)
any_json = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=20,
)


def valid(path: str) -> dict[str, Any]:
    """A good body for this path."""
    if path == REGISTER:
        return registration(DEVICE, GROUP, platform="ios", fcm_token=None)
    every_field = point(altitude=1.5, bearing=2, speed=3, provider="gps", network_type="LTE", battery_level=50)
    return (
        {"device_id": DEVICE, **every_field} if path == ONE else {"device_id": DEVICE, "locations": [every_field] * 3}
    )


@st.composite
def nearly_valid(draw: st.DrawFn) -> tuple[str, Any]:
    """A path, and a good body for it with some fields replaced, removed or added."""
    path = draw(PATHS)
    body = json.loads(json.dumps(valid(path)))
    for _ in range(draw(st.integers(1, 4))):
        target = body
        if path == BATCH and draw(st.booleans()):
            target = draw(
                st.sampled_from([one for one in body.get("locations") or [{}] if isinstance(one, dict)] or [{}])
            )
        name = draw(st.sampled_from(sorted(target)) | any_text) if target else draw(any_text)
        if draw(st.booleans()):
            target[name] = draw(any_json)
        else:
            target.pop(name, None)
        if not isinstance(body.get("locations", []), list):
            break
    return path, body


def check_contract(answer: httpx.Response, allowed: set[int]) -> None:
    """An answer has one of these statuses, and the shape of all errors if it is one."""
    assert answer.status_code in allowed, answer.text
    check_headers(answer)
    if answer.status_code >= 400:
        check_any_problem(answer)
    elif answer.status_code == 200:
        assert answer.headers["Content-Type"] in ("application/json", "text/plain; charset=utf-8")


async def post(api: httpx.AsyncClient, path: str, content: bytes) -> httpx.Response:
    return await api.post(path, content=content, headers={"Content-Type": "application/json"})


@bounded(100)
@given(path=PATHS, body=any_json)
async def test_any_json(api: httpx.AsyncClient, path: str, body: object) -> None:
    check_contract(await post(api, path, json.dumps(body).encode()), {400})


@bounded(200)
@given(case=nearly_valid())
async def test_nearly_valid_bodies(api: httpx.AsyncClient, case: tuple[str, Any]) -> None:
    path, body = case
    answer = await post(api, path, json.dumps(body).encode())
    check_contract(answer, {200, 400, 404})
    if answer.status_code == 200 and path != REGISTER:
        assert answer.json()["success"] is True


@bounded(150)
@given(path=PATHS, data=st.data())
async def test_damaged_bodies(api: httpx.AsyncClient, path: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(valid(path)).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 10)))
        body[start:end] = data.draw(
            st.binary(max_size=10) | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"\\"])
        )
    check_contract(await post(api, path, bytes(body)), {200, 400, 404})


@bounded(100)
@given(path=PATHS, body=st.binary(max_size=200))
async def test_any_bytes(api: httpx.AsyncClient, path: str, body: bytes) -> None:
    check_contract(await post(api, path, body), {400})


# Headers and addresses ------------------------------------------------------------------------------------------------

HEADER_NAMES = [
    "X-API-Key", "X-Request-ID", "Idempotency-Key", "Content-Type", "Content-Length", "Transfer-Encoding", "Expect",
    "Accept-Encoding", "Connection", "Origin", "Cookie", "X-Unknown",
]  # fmt: skip
header_bytes = st.binary(max_size=80) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=300).map(
    lambda text: text.encode("latin-1")
)


@bounded(200)
@given(
    name=st.sampled_from(HEADER_NAMES),
    value=header_bytes,
)
async def test_any_header(server: Server, api: httpx.AsyncClient, name: str, value: bytes) -> None:
    body = json.dumps(valid(REGISTER)).encode()
    given_headers = {
        "X-API-Key": api.headers["X-API-Key"],
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    lines = [f"{other}: {text}" for other, text in given_headers.items() if other != name]
    async with connect(server.port) as connection:
        head = request("POST", REGISTER, *lines, f"{name}: {value.decode('latin-1')}", "X-End: 1")
        await connection.send(head + body + request("GET", "/unknown", "Connection: close"))
        answer = await connection.answer()
    assert answer is not None
    check_contract(answer, {100, 200, 400, 401, 413, 415} if name == "Expect" else {200, 400, 401, 413, 415})


@bounded(200)
@given(
    method=st.sampled_from(["GET", "DELETE", "POST"]),
    start=st.sampled_from(
        ["/", "/api/v1/devices/", "/api/v1/devices?group_id=", "/api/v1/devices?", "/api/health", "/api/v1/"]
    ),
    rest=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
    | st.lists(
        st.sampled_from(["%", "%00", "%ff", "%2f", "%3f", "..", "/", "?", "&", "=", "#", "group_id=", "a", "+"]),
        max_size=12,
    ).map("".join),
)
async def test_any_address(server: Server, api: httpx.AsyncClient, method: str, start: str, rest: str) -> None:
    key = f"X-API-Key: {api.headers['X-API-Key']}"
    async with connect(server.port) as connection:
        await connection.send(request(method, start + rest, key))
        answer = await connection.answer()
    assert answer is not None
    check_contract(answer, {200, 400, 404, 405})
