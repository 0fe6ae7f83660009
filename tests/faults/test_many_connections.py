"""More connections than a server has work for, and more than it may have."""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.raw_http import connect, request
from tests.server import serve
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.raw_http import Connection

IDLE = 2000
LISTING = "/api/v1/devices?group_id=family"


@pytest.fixture(autouse=True)
def _many_files() -> None:
    """Lets this process have as many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def open_files(pid: int) -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections that send nothing."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connect(port)) for _ in range(count)]


@pytest.mark.long
async def test_idle_connections_take_nothing_from_others(database: Database, tmp_path: Path) -> None:
    key = await database.create_key()
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client:
        before = open_files(server.process.pid)
        async with connections(server.port, IDLE) as idle:
            for _ in range(100):
                assert (await client.get(LISTING)).status_code == 200
            for connection in idle[::100]:
                await connection.send(request("GET", "/api/health/live"))
                answer = await connection.answer()
                assert answer is not None
                assert answer.content == b"OK"

        async def gone() -> bool:
            return open_files(server.process.pid) < before + 50

        await until("the end of the connections", gone)


async def test_more_connections_than_files(database: Database, tmp_path: Path) -> None:
    """Those over the limit are closed at once; those before them are served; nothing is left of it afterwards."""
    key = await database.create_key()
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client:
        assert (await client.get(LISTING)).status_code == 200
        room = open_files(server.process.pid) + 20
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (room, room))
        async with connections(server.port, 60) as idle:
            for connection in idle[30:]:
                assert await connection.closed()
            for _ in range(20):
                assert (await client.get(LISTING)).status_code == 200
            await idle[0].send(request("GET", "/api/health/live"))
            answer = await idle[0].answer()
            assert answer is not None
            assert answer.content == b"OK"

        async def served() -> bool:
            async with connect(server.port) as connection:
                await connection.send(request("GET", "/api/health/live"))
                return await connection.answer() is not None

        await until("a new connection that is served", served)
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
