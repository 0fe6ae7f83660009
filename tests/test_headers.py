"""Headers: those of every answer, the request's id, rate limits, CORS, compression, content types, HEAD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import pytest_asyncio

from tests.conftest import point, registration
from tests.contract import UUID, check_headers, check_problem
from tests.raw_http import connect, request
from tests.server import Server, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
DEVICES = "/api/v1/devices"
REGISTER = "/api/v1/devices/register"
ORIGIN = "https://app.example"
OTHER_ORIGIN = "https://other.example"
EVERY_KIND = [
    ("GET", f"{DEVICES}?group_id=family", b"", 200),
    ("HEAD", f"{DEVICES}?group_id=family", b"", 200),
    ("GET", DEVICES, b"", 400),
    ("POST", REGISTER, b"", 400),
    ("POST", REGISTER, b"{", 400),
    ("DELETE", f"{DEVICES}/{DEVICE}", b"", 404),
    ("GET", f"{DEVICES}/{DEVICE}/data-export", b"", 404),
    ("HEAD", f"{DEVICES}/{DEVICE}/data-export", b"", 405),
    ("DELETE", f"{DEVICES}/{DEVICE}/data", b"", 404),
    ("DELETE", "/api/v1/admin/devices/inactive", b"", 403),
    ("GET", "/unknown", b"", 404),
    ("HEAD", "/unknown", b"", 404),
    ("PUT", REGISTER, b"", 405),
    ("POST", REGISTER, b" " * ((1 << 20) + 1), 413),
    ("GET", "/api/health", b"", 200),
    ("GET", "/api/health/live", b"", 200),
    ("GET", "/api/health/ready", b"", 200),
]
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module")
async def cors(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without a key, of a server that lets pages of two origins call it."""
    origins = orjson.dumps([ORIGIN, "http://localhost:3000"]).decode()
    directory = tmp_path_factory.mktemp("cors")
    async with (
        serve(module_database.api_url, directory, security__cors_origins=origins) as server,
        server.client() as client,
    ):
        yield client


@pytest.mark.parametrize(("method", "target", "body", "status"), EVERY_KIND)
async def test_every_answer_has_the_headers(
    api: httpx.AsyncClient, method: str, target: str, body: bytes, status: int
) -> None:
    answer = await api.request(method, target, content=body, headers=JSON)
    assert answer.status_code == status
    check_headers(answer)


@pytest.mark.parametrize(("method", "target", "body", "status"), EVERY_KIND)
async def test_so_has_every_answer_without_a_key_and_with_cors(
    cors: httpx.AsyncClient, method: str, target: str, body: bytes, status: int
) -> None:
    answer = await cors.request(method, target, content=body, headers={**JSON, "Origin": ORIGIN})
    assert answer.status_code == (401 if target.startswith("/api/v1/") and status != 405 else status)
    check_headers(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_so_has_the_answer_to_what_is_no_http(server: Server) -> None:
    async with connect(server.port) as connection:
        await connection.send(b"hello\r\n\r\n")
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 400, message="This is not a valid HTTP request.")
        assert UUID.fullmatch(answer.headers["X-Request-ID"])
        assert await connection.closed()


# X-Request-ID ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["x", "0123-abc", "x" * 128, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"], ids=len)
@pytest.mark.parametrize("path", ["/api/health/live", DEVICES, "/unknown"])
async def test_a_request_id_is_echoed(server: Server, path: str, given: str) -> None:
    async with server.client() as client:
        answer = await client.get(path, headers={"X-Request-ID": given})
    check_headers(answer)
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", [b"", b"two words", b"x" * 129, b"x" * 10_000, b"caf\xc3\xa9", b"\xff", b"a\tb", b"a\x7fb"], ids=repr
)
async def test_a_bad_request_id_is_replaced(server: Server, given: bytes) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("GET", "/api/health/live", f"X-Request-ID: {given.decode('latin-1')}"))
        answer = await connection.answer()
    assert answer is not None
    check_headers(answer)
    if given == b"a\x7fb" and answer.status_code == 400:
        return  # the parser already refuses it
    assert answer.status_code == 200
    assert UUID.fullmatch(answer.headers["X-Request-ID"])


async def test_new_request_ids_differ(api: httpx.AsyncClient) -> None:
    answers = [await api.get("/api/health/live") for _ in range(20)]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 20
    assert all(UUID.fullmatch(one) for one in ids)


# RateLimit-* ----------------------------------------------------------------------------------------------------------


async def test_rate_limit_headers_tell_what_is_left(server: Server, module_database: Database) -> None:
    async with server.client(await module_database.create_key(rate_limit=None)) as client:
        for position, (method, target) in enumerate(
            [
                ("GET", f"{DEVICES}?group_id=family"),
                ("GET", DEVICES),
                ("DELETE", f"{DEVICES}/{DEVICE}"),
                ("POST", REGISTER),
            ]
        ):
            answer = await client.request(method, target)
            assert answer.headers["RateLimit-Limit"] == "100"
            assert answer.headers["RateLimit-Remaining"] == str(99 - position)
            assert 59 <= int(answer.headers["RateLimit-Reset"]) <= 61
        for target in ("/unknown", "/api/health"):
            assert "RateLimit-Limit" not in (await client.get(target)).headers


async def test_a_key_without_a_limit_has_no_rate_limit_headers(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{DEVICES}?group_id=family")
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


# CORS -----------------------------------------------------------------------------------------------------------------


def preflight(origin: str, method: str = "POST", headers: str = "x-api-key,content-type") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_preflight_needs_no_key(cors: httpx.AsyncClient, method: str) -> None:
    wanted = "x-api-key, content-type, x-request-id, idempotency-key"
    answer = await cors.options("/api/v1/locations", headers=preflight(ORIGIN, method, wanted))
    assert answer.status_code == 200
    check_headers(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"x-api-key", "content-type", "x-request-id", "idempotency-key"} <= set(allowed)
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "headers",
    [preflight(OTHER_ORIGIN), preflight("null"), preflight(f"{ORIGIN}.evil.example"), preflight(ORIGIN, "PATCH"),
     preflight(ORIGIN, headers="x-secret")],
)  # fmt: skip
async def test_a_refused_preflight_has_the_shape_of_errors(cors: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await cors.options(REGISTER, headers=headers)
    check_problem(answer, 400)
    assert headers["Origin"] == ORIGIN or "Access-Control-Allow-Origin" not in answer.headers


async def test_pages_of_other_origins_cannot_read_answers(cors: httpx.AsyncClient) -> None:
    for origin in (OTHER_ORIGIN, "null", ORIGIN.upper(), "http://localhost:3001"):
        answer = await cors.get("/api/health", headers={"Origin": origin})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_pages_may_read_the_headers_of_answers(cors: httpx.AsyncClient) -> None:
    answer = await cors.get("/api/health", headers={"Origin": "http://localhost:3000"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Retry-After", "X-Request-ID", "RateLimit-Limit", "Idempotent-Replayed"} <= exposed
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_cors_for_everyone(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("everyone")
    async with (
        serve(module_database.api_url, directory, security__cors_origins='["*"]') as server,
        server.client() as client,
    ):
        answer = await client.options(REGISTER, headers=preflight(OTHER_ORIGIN))
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        check_headers(answer)
        answer = await client.get(DEVICES, headers={"Origin": OTHER_ORIGIN})
        check_problem(answer, 401)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_without_configuration_there_is_no_cors(api: httpx.AsyncClient) -> None:
    check_problem(await api.options(REGISTER, headers=preflight(ORIGIN)), 405)
    answer = await api.get("/api/health", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control")]


# Compression ----------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def large_group(module_database: Database) -> str:
    """A group whose listing is over 1 KiB."""
    for position in range(12):
        device = f"00000000-0000-4000-8000-{position:012}"
        await module_database.call("register_device", registration(device, "large"))
        await module_database.call("upload_location", {"device_id": device, **point()}, {})
    return "large"


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "br, GZIP", "*"])
async def test_answers_over_1_kib_are_compressed_if_accepted(
    server: Server, api: httpx.AsyncClient, large_group: str, accepted: str
) -> None:
    target = f"{DEVICES}?group_id={large_group}"
    async with connect(server.port) as connection:
        key = f"X-API-Key: {api.headers['X-API-Key']}"
        await connection.send(request("GET", target, key, f"Accept-Encoding: {accepted}"))
        answer = await connection.answer()
    assert answer is not None
    check_headers(answer)
    plain = await api.get(target, headers={"Accept-Encoding": "identity"})
    assert len(plain.content) > 1024
    if accepted in ("gzip", "deflate, gzip;q=0.5"):
        assert answer.headers["Content-Encoding"] == "gzip"
    if "Content-Encoding" in answer.headers:
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert int(answer.headers["Content-Length"]) < len(plain.content)
    assert answer.json() == plain.json()
    assert len(plain.json()["devices"]) == 12


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, identity"])
async def test_nothing_is_compressed_that_is_not_accepted(
    api: httpx.AsyncClient, large_group: str, accepted: str
) -> None:
    answer = await api.get(f"{DEVICES}?group_id={large_group}", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert len(answer.json()["devices"]) == 12


async def test_small_answers_are_not_compressed(api: httpx.AsyncClient) -> None:
    for target in (f"{DEVICES}?group_id=none", "/unknown", "/api/health"):
        answer = await api.get(target, headers={"Accept-Encoding": "gzip"})
        assert len(answer.content) < 1024
        assert "Content-Encoding" not in answer.headers


# HEAD and content types -----------------------------------------------------------------------------------------------


async def test_head_is_get_without_the_body(server: Server, api: httpx.AsyncClient, large_group: str) -> None:
    key = f"X-API-Key: {api.headers['X-API-Key']}"
    for target in (f"{DEVICES}?group_id={large_group}", "/api/health/live", DEVICES, "/unknown"):
        plain = await api.get(target, headers={"Accept-Encoding": "identity"})
        async with connect(server.port) as connection:
            await connection.send(request("HEAD", target, key))
            await connection.send(request("GET", "/api/health/live"))
            answer = await connection.answer(head=True)
            assert answer is not None
            assert answer.status_code == plain.status_code
            check_headers(answer)
            assert answer.headers["Content-Type"] == plain.headers["Content-Type"]
            assert answer.headers["Content-Length"] == str(len(plain.content))
            follower = await connection.answer()  # so there was no body in between
            assert follower is not None
            assert follower.content == b"OK"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "nonsense"])
async def test_a_bodiless_request_may_carry_any_content_type(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str, content_type: str
) -> None:
    await module_database.call("register_device", registration(device_id, group))
    headers = {"Content-Type": content_type}
    answer = await api.get(DEVICES, params={"group_id": group}, headers=headers)
    assert [device["device_id"] for device in answer.json()["devices"]] == [device_id]
    assert (await api.delete(f"{DEVICES}/{device_id}", headers=headers)).status_code == 204
