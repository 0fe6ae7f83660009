"""Clients that send nothing, or a byte now and then, or take no answer: each is given up in time, alone."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.conftest import registration
from tests.contract import check_headers, check_problem
from tests.raw_http import Connection, connect, request
from tests.server import Server, serve
from tests.waiting import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import httpx
    import pytest

    from tests.cluster import Database

LIVE = "/api/health/live"
REGISTER = "/api/v1/devices/register"
JSON = "Content-Type: application/json"
LATE = "The request took too long."


@pytest_asyncio.fixture(scope="module")
async def server(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that gives a request one second, and a connection at rest two."""
    async with serve(
        module_database.api_url,
        tmp_path_factory.mktemp("hasty"),
        server__request_timeout_seconds="1",
        server__keep_alive_seconds="2",
    ) as running:
        yield running


def key(api: httpx.AsyncClient) -> str:
    """The header with a good key."""
    return f"X-API-Key: {api.headers['X-API-Key']}"


async def dribble(connection: Connection, pieces: Iterable[bytes]) -> None:
    """Sends piece after piece, as long as it is let."""
    for piece in pieces:
        await connection.send(piece)
        await asyncio.sleep(0.05)  # the client's speed


async def check_late(connection: Connection) -> None:
    """The request was answered 408, and the connection closed."""
    answer = await connection.answer()
    assert answer is not None
    check_problem(answer, 408, message=LATE)
    assert answer.headers["Connection"] == "close"
    assert await connection.closed()


async def check_live(connection: Connection) -> None:
    """The connection serves."""
    await connection.send(request("GET", LIVE))
    answer = await connection.answer()
    assert answer is not None
    check_headers(answer)
    assert answer.content == b"OK"


async def test_a_connection_that_sends_nothing_is_closed_without_an_answer(server: Server) -> None:
    async with connect(server.port) as connection:
        assert await connection.closed()


async def test_a_connection_that_rests_is_closed_without_an_answer(server: Server) -> None:
    async with connect(server.port) as connection:
        await check_live(connection)
        assert await connection.closed()


async def test_a_head_that_stops(server: Server) -> None:
    for sent in (b"G", b"GET /api/health/live HTTP/1.1\r\n", request("GET", LIVE, "X-A: b")[:-2]):
        async with connect(server.port) as connection:
            await connection.send(sent)
            await check_late(connection)


async def test_a_head_that_dribbles(server: Server) -> None:
    async with (
        connect(server.port) as connection,
        beside(dribble(connection, itertools.chain([b"GET /"], itertools.repeat(b"a")))),
    ):
        await check_late(connection)


async def test_a_second_head_that_dribbles(server: Server) -> None:
    async with connect(server.port) as connection:
        await check_live(connection)
        async with beside(dribble(connection, itertools.chain([b"GET / HTTP/1.1\r\nX-A: "], itertools.repeat(b"a")))):
            await check_late(connection)


async def test_empty_lines_without_end(server: Server) -> None:
    """They may come before a request, so they are no error."""
    for first in ((), (request("GET", LIVE),)):
        async with (
            connect(server.port) as connection,
            beside(dribble(connection, itertools.chain(first, itertools.repeat(b"\r\n")))),
        ):
            if first:
                answer = await connection.answer()
                assert answer is not None
                assert answer.content == b"OK"
            assert await connection.closed()


async def test_a_body_that_dribbles(server: Server, api: httpx.AsyncClient) -> None:
    """408, and then the rest has as long again, since only then the next request could begin."""
    head = request("POST", REGISTER, key(api), JSON, "Content-Length: 10000")
    async with (
        connect(server.port) as connection,
        beside(dribble(connection, itertools.chain([head], itertools.repeat(b" ")))),
    ):
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 408, message=LATE)
        assert await connection.closed()


async def test_chunks_that_dribble_after_the_answer(server: Server) -> None:
    head = request("POST", REGISTER, JSON, "Transfer-Encoding: chunked")
    async with (
        connect(server.port) as connection,
        beside(dribble(connection, itertools.chain([head], itertools.repeat(b"1\r\n \r\n")))),
    ):
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 401)
        assert await connection.closed()


async def test_a_body_that_ends_after_its_answer_leaves_the_connection_usable(server: Server) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("POST", REGISTER, JSON, "Content-Length: 4"))
        answer = await connection.answer()
        assert answer is not None
        check_problem(answer, 401)
        for byte in (b"{", b" ", b" ", b"}"):
            await connection.send(byte)
        await check_live(connection)
        assert await connection.closed(), "and it is not forgotten"


async def test_a_slow_but_complete_request_is_served(
    server: Server, api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    body = api.build_request("POST", REGISTER, json=registration(device_id, group)).content
    whole = request("POST", REGISTER, key(api), JSON, f"Content-Length: {len(body)}", body=body)
    async with connect(server.port) as connection:
        for start in range(0, len(whole), 50):
            await connection.send(whole[start : start + 50])
            await asyncio.sleep(0)
        answer = await connection.answer()
    assert answer is not None
    assert answer.json()["device_id"] == device_id


async def test_answers_that_nobody_takes(server: Server) -> None:
    """The server works no further than its buffers hold, and gives the client up."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)  # noqa: FBT003
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        requests = request("GET", LIVE, f"X-A: {'a' * 1000}") * 100
        async with asyncio.timeout(60):
            try:
                while True:
                    await loop.sock_sendall(client, requests)
            except ConnectionError:
                pass
    async with connect(server.port) as connection:
        await check_live(connection)
