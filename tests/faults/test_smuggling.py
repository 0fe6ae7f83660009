"""Requests whose end two servers could see at different places: refused, answered once, and the connection closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import point, registration
from tests.contract import check_any_problem, check_problem
from tests.raw_http import Connection, connect, request

if TYPE_CHECKING:
    import httpx

    from tests.server import Server

LIVE = "/api/health/live"
REGISTER = "/api/v1/devices/register"
INVALID = "This is not a valid HTTP request."
SMUGGLED = request("GET", LIVE)
LENGTH = f"Content-Length: {len(SMUGGLED)}"

# Headers of a request, and its body. What is smuggled follows.
FRAMINGS = {
    "length and chunks": (f"{LENGTH}\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "chunks and length": (f"Transfer-Encoding: chunked\r\n{LENGTH}", b"0\r\n\r\n"),
    "two lengths": ("Content-Length: 0\r\n" + LENGTH, b""),
    "the same length twice": (f"{LENGTH}\r\n{LENGTH}", b""),
    "a list of lengths": ("Content-Length: 0, 40", b""),
    "a negative length": ("Content-Length: -1", b""),
    "a signed length": ("Content-Length: +0", b""),
    "a hexadecimal length": ("Content-Length: 0x28", b""),
    "a huge length": ("Content-Length: 18446744073709551616", b""),
    "an empty length": ("Content-Length:", b""),
    "a folded length": ("Content-Length:\r\n 0", b""),
    "a folded header": ("X-A: b\r\n Content-Length: 40", b""),
    "a space before the colon": ("Content-Length : 40", b""),
    "a tab before the colon": ("Transfer-Encoding\t: chunked", b"0\r\n\r\n"),
    "a space before the name": (" Content-Length: 40", b""),
    "a NUL in a value": ("X-A: a\0b", b""),
    "a NUL in a name": ("X\0A: b", b""),
    "a NUL in a length": ("Content-Length: 0\0", b""),
    "a bare LF": ("X-A: b\nContent-Length: 40", b""),
    "a bare CR": ("X-A: b\rContent-Length: 40", b""),
    "an unknown coding": ("Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "no coding": ("Transfer-Encoding: identity", b""),
    "an empty coding": ("Transfer-Encoding:", b""),
    "a quoted coding": ('Transfer-Encoding: "chunked"', b"0\r\n\r\n"),
    "a coding after chunks": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n"),
    "chunks twice": ("Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
    "a vertical tab": ("Transfer-Encoding:\x0bchunked", b"0\r\n\r\n"),
}
CHUNKS = {
    "a size that is none": b"x\r\n",
    "a negative size": b"-1\r\n",
    "a signed size": b"+1\r\na\r\n0\r\n\r\n",
    "a size with a prefix": b"0x1\r\na\r\n0\r\n\r\n",
    "a size behind a space": b" 1\r\na\r\n0\r\n\r\n",
    "a size before a space": b"1 \r\na\r\n0\r\n\r\n",
    "a huge size": b"10000000000000000\r\na\r\n0\r\n\r\n",
    "a bare LF after the size": b"1\na\r\n0\r\n\r\n",
    "a bare LF after the data": b"1\r\na\n0\r\n\r\n",
    "a bare LF in an extension": b"1;a\nb\r\na\r\n0\r\n\r\n",
    "a chunk longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "a length in the trailer": b"0\r\nContent-Length: 40\r\n\r\n",
    "a folded trailer": b"0\r\nX-A: b\r\n c\r\n\r\n",
}


async def check_refused(connection: Connection, *, answers: int = 1) -> None:
    """The last of the answers is the refusal, then the connection is closed."""
    for _ in range(answers - 1):
        before = await connection.answer()
        assert before is not None
        assert before.content == b"OK"
    answer = await connection.answer()
    assert answer is not None
    check_problem(answer, 400, message=INVALID)
    assert answer.headers["Connection"] == "close"
    assert await connection.closed()


@pytest.fixture
def key(api: httpx.AsyncClient) -> str:
    """The header with a good key."""
    return f"X-API-Key: {api.headers['X-API-Key']}"


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("path", [LIVE, REGISTER])
@pytest.mark.parametrize(("headers", "body"), FRAMINGS.values(), ids=list(FRAMINGS))
async def test_a_framing_with_two_meanings(
    server: Server, key: str, headers: str, body: bytes, path: str, before: int
) -> None:
    sent = request("POST", path, key, "Content-Type: application/json", headers, body=body)
    async with connect(server.port) as connection:
        await connection.send(SMUGGLED * before + sent + SMUGGLED)
        await check_refused(connection, answers=before + 1)


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=list(CHUNKS))
async def test_bad_chunks(server: Server, key: str, chunks: bytes, pieces: int, before: int) -> None:
    head = request("POST", REGISTER, key, "Content-Type: application/json", "Transfer-Encoding: chunked")
    async with connect(server.port) as connection:
        if pieces == 1:
            await connection.send(SMUGGLED * before + head + chunks + SMUGGLED)
        else:
            await connection.send(SMUGGLED * before + head)
            await connection.send(chunks + SMUGGLED)
        await check_refused(connection, answers=before + 1)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=list(CHUNKS))
async def test_bad_chunks_after_the_answer_get_no_second_one(server: Server, chunks: bytes) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("POST", REGISTER, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 401)
        await connection.send(chunks + SMUGGLED)
        assert await connection.closed()


@pytest.mark.parametrize("headers", ["Content-Length: 0\r\nTransfer-Encoding: identity", "Transfer-Encoding: xchunked"])
async def test_what_is_refused_is_not_done(
    server: Server, api: httpx.AsyncClient, key: str, device_id: str, group: str, headers: str
) -> None:
    assert (await api.post(REGISTER, json=registration(device_id, group))).status_code == 200
    for path in (f"/api/v1/devices/{device_id}", f"/api/v1/devices/{device_id}/data"):
        async with connect(server.port) as connection:
            await connection.send(request("DELETE", path, key, "Content-Type: application/json", headers))
            await check_refused(connection)
    (device,) = (await api.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    assert device["device_id"] == device_id


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("start", ["CONNECT test:1", f"POST {REGISTER}", f"POST {LIVE}", f"GET {LIVE}"])
async def test_the_body_of_an_upgrade_is_no_request(server: Server, key: str, start: str, pieces: int) -> None:
    method, target = start.split()
    lines = (key, "Content-Type: application/json", LENGTH, "Connection: Upgrade", "Upgrade: h2c")
    head = request(method, target, *lines)
    async with connect(server.port) as connection:
        if pieces == 1:
            await connection.send(head + SMUGGLED)
        else:
            await connection.send(head)
            await connection.send(SMUGGLED)
        answer = await connection.answer()
        assert answer is not None
        if start == f"GET {LIVE}":
            assert answer.content == b"OK"
        else:
            check_any_problem(answer)
        assert answer.headers["Connection"] == "close"
        assert await connection.closed()


async def test_an_upload_before_a_bad_request_has_its_own_answer(
    server: Server, api: httpx.AsyncClient, key: str, device_id: str, group: str
) -> None:
    await api.post(REGISTER, json=registration(device_id, group))
    body = api.build_request("POST", "/", json={"device_id": device_id, **point()}).content
    upload = request(
        "POST", "/api/v1/locations", key, "Content-Type: application/json", f"Content-Length: {len(body)}", body=body
    )
    async with connect(server.port) as connection:
        await connection.send(upload + b"nonsense\r\n\r\n")
        answer = await connection.answer()
        assert answer is not None
        assert answer.json() == {"success": True, "processed_count": 1}
        await check_refused(connection)
