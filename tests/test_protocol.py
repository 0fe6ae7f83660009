"""HTTP itself, byte by byte: what is no request, what is out of bounds, what comes in pieces or all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract import check_any_problem, check_headers, check_problem
from tests.memory import peak_memory
from tests.raw_http import connect, request

if TYPE_CHECKING:
    import httpx

    from tests.server import Server

LIVE = "/api/health/live"
REGISTER = "/api/v1/devices/register"
INVALID = "This is not a valid HTTP request."
MAX_HEAD = 65_536
MIB = 1 << 20


@pytest.fixture
def key(api: httpx.AsyncClient) -> str:
    """The header with a good key."""
    return f"X-API-Key: {api.headers['X-API-Key']}"


async def alive(server: Server) -> None:
    """The server goes on serving."""
    async with connect(server.port) as connection:
        await connection.send(request("GET", LIVE))
        answer = await connection.answer()
    assert answer is not None
    assert (answer.status_code, answer.content) == (200, b"OK")


# What is no request ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1 extra\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / FTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"FETCH / HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /api/health/\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET nonsense HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-A: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-A: a\rb\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ],
    ids=lambda sent: repr(sent)[2:40],
)
async def test_what_is_no_request_is_400_and_the_end(server: Server, sent: bytes) -> None:
    async with connect(server.port) as connection:
        await connection.send(sent)
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 400, message=INVALID)
        assert answer.headers["Connection"] == "close"
        assert await connection.closed()
    await alive(server)


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"-1\r\n",
        b"\r\n",
        b"5\r\nabcdefgh\r\n",
        b"2\r\n{}0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"0x2\r\n{}\r\n",
    ],
)
async def test_a_bad_chunk(server: Server, key: str, chunks: bytes) -> None:
    async with connect(server.port) as connection:
        lines = (key, "Content-Type: application/json", "Transfer-Encoding: chunked")
        await connection.send(request("POST", REGISTER, *lines, body=chunks))
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 400, message=INVALID)
        assert await connection.closed()
    await alive(server)


@pytest.mark.parametrize(
    "target",
    ["*", "host:80", "http://other.example/api/health/live", "//api/health/live", "/api/health/live#fragment", "/?",
     "/..;/", "/api/health/../health/live", "/api/health/live?" + "x" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "CONNECT", "HEAD", "TRACE", "M-SEARCH", "SOURCE"])
async def test_odd_targets_and_methods(server: Server, method: str, target: str) -> None:
    async with connect(server.port) as connection:
        await connection.send(request(method, target, "Connection: close"))
        answer = await connection.answer(head=method == "HEAD")
    if answer is not None:
        check_headers(answer)
        assert answer.status_code in (200, 400, 404, 405)
        if answer.status_code != 200 and method != "HEAD":
            check_any_problem(answer)
    await alive(server)


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "HTTP/2.0, SHTTP/1.3"])
async def test_an_upgrade_is_not_made(server: Server, upgrade: str) -> None:
    async with connect(server.port) as connection:
        await connection.send(
            request("GET", LIVE, "Connection: Upgrade", f"Upgrade: {upgrade}", "Sec-WebSocket-Version: 13")
        )
        answer = await connection.answer()
    assert answer is not None
    assert (answer.status_code, answer.content) == (200, b"OK")


# Bounds ---------------------------------------------------------------------------------------------------------------


async def test_the_bound_of_the_head(server: Server) -> None:
    overhead = len(LIVE) + len("Hosttest") + len("X-A")
    for size, status in ((MAX_HEAD - overhead, 200), (MAX_HEAD - overhead + 1, 400)):
        async with connect(server.port) as connection:
            await connection.send(request("GET", LIVE, f"X-A: {'a' * size}"))
            answer = await connection.answer()
        assert answer is not None
        assert answer.status_code == status
        check_headers(answer)


@pytest.mark.parametrize(
    "head",
    [request("GET", "/" + "a" * MAX_HEAD), request("GET", f"{LIVE}?{'a' * MAX_HEAD}"),
     request("GET", LIVE, *(f"X-{n}: {'a' * 100}" for n in range(700))), request("GET", LIVE, f"{'X' * MAX_HEAD}: a"),
     request("GET", LIVE, *(["A:"] * 65_537))],
    ids=["path", "query", "headers", "name", "empty headers"],
)  # fmt: skip
async def test_a_head_over_the_bound(server: Server, head: bytes) -> None:
    async with connect(server.port) as connection:
        await connection.send(head)
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 400, message=INVALID)
        assert await connection.closed()
    await alive(server)


ENDLESS = {
    "target": b"GET /",
    "header": b"GET /api/health/live HTTP/1.1\r\nHost: test\r\nX-A: ",
    "header name": b"GET /api/health/live HTTP/1.1\r\nHost: test\r\nX-A",
    "trailer": b"POST /api/v1/locations HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ",
}


@pytest.mark.parametrize("start", ENDLESS.values(), ids=list(ENDLESS))
async def test_what_does_not_end_is_not_gathered_in_memory(server: Server, start: bytes) -> None:
    await alive(server)
    before = await peak_memory(server.process.pid)
    async with connect(server.port) as connection:
        await connection.send(start)
        for _ in range(300):
            await connection.send(b"a" * 65_536)
        answers = []
        while (answer := await connection.answer()) is not None:
            answers.append(answer.status_code)
    assert answers in ([400], [401], [401, 400], []), "refused, or closed while we were still sending"
    assert await peak_memory(server.process.pid) - before < 4 * MIB
    await alive(server)


# Pieces and pipelines -------------------------------------------------------------------------------------------------


async def test_a_request_in_pieces(server: Server, key: str) -> None:
    whole = request("POST", REGISTER, key, "Content-Type: application/json", "Content-Length: 2", body=b"{}")
    async with connect(server.port) as connection:
        for position in range(len(whole)):
            await connection.send(whole[position : position + 1])
        answer = await connection.answer()
    assert answer is not None
    check_problem(answer, 400, fields=["device_id", "display_name", "group_id"])


async def test_chunks_with_extensions_and_trailers(server: Server, key: str) -> None:
    body = b'1;name="value"\r\n{\r\n00001\r\n}\r\n0\r\nX-API-Key: trailer\r\n\r\n'
    lines = (key, "Content-Type: application/json", "Transfer-Encoding: chunked")
    async with connect(server.port) as connection:
        await connection.send(request("POST", REGISTER, *lines))
        await connection.send(body)
        await connection.send(request("GET", LIVE))
        first, second = await connection.answer(), await connection.answer()
    assert first is not None
    assert second is not None
    check_any_problem(first)
    assert first.status_code in (400, 401)
    assert second.content == b"OK"


async def test_pipelined_requests_are_answered_in_order(server: Server, key: str) -> None:
    requests = [
        request("GET", "/api/v1/devices?group_id=family", key, "X-Request-ID: 1"),
        request("GET", LIVE, "X-Request-ID: 2"),
        request(
            "POST", REGISTER, key, "Content-Type: application/json", "Content-Length: 2", "X-Request-ID: 3", body=b"{}"
        ),
        request("GET", "/unknown", "X-Request-ID: 4"),
        request("DELETE", "/api/v1/devices/x", key, "X-Request-ID: 5"),
    ]
    async with connect(server.port) as connection:
        await connection.send(b"".join(requests * 3))
        answers = [await connection.answer() for _ in range(15)]
    told = [(answer.headers["X-Request-ID"], answer.status_code) for answer in answers if answer is not None]
    assert told == [("1", 200), ("2", 200), ("3", 400), ("4", 404), ("5", 400)] * 3


async def test_a_refused_body_does_not_become_the_next_request(server: Server, key: str) -> None:
    smuggled = request("GET", "/api/v1/devices?group_id=family", key)
    lines = (key, "Content-Type: text/plain", f"Content-Length: {len(smuggled)}")
    async with connect(server.port) as connection:
        await connection.send(request("POST", REGISTER, *lines, body=smuggled) + request("GET", LIVE))
        first, second = await connection.answer(), await connection.answer()
    assert first is not None
    check_problem(first, 415)
    assert second is not None
    assert second.content == b"OK"


async def test_http_1_0(server: Server) -> None:
    async with connect(server.port) as connection:
        await connection.send(b"GET /api/health/live HTTP/1.0\r\n\r\n")
        answer = await connection.answer()
        assert answer is not None
        assert (answer.status_code, answer.content) == (200, b"OK")
        check_headers(answer)
        assert await connection.closed()


async def test_connections_that_send_nothing_or_half_a_request(server: Server, key: str) -> None:
    for sent in (b"", b"GET /api", request("POST", REGISTER, key, "Content-Length: 100", body=b"{")):
        async with connect(server.port) as connection:
            await connection.send(sent)
    await alive(server)
