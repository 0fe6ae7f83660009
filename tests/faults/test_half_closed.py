"""Clients that have nothing more to say, or more to say than they were asked: each request has its answer, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import now_ms, point, registration
from tests.memory import peak_memory
from tests.raw_http import Connection, connect, request
from tests.waiting import beside, transaction, until_blocked

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

LIVE = "/api/health/live"
UPLOAD = "/api/v1/locations"
JSON = "Content-Type: application/json"
MIB = 1 << 20


async def check_live(connection: Connection) -> None:
    """The next answer is that of LIVE."""
    answer = await connection.answer()
    assert answer is not None
    assert answer.content == b"OK"


def upload(api: httpx.AsyncClient, device_id: str, seconds_ago: int = 0) -> bytes:
    """A request that uploads a point."""
    fields = {"device_id": device_id, **point(now_ms() - seconds_ago * 1000)}
    body = api.build_request("POST", "/", json=fields).content
    key = f"X-API-Key: {api.headers['X-API-Key']}"
    return request("POST", UPLOAD, key, JSON, f"Content-Length: {len(body)}", body=body)


@pytest.mark.parametrize("count", [1, 5])
async def test_requests_before_the_end_have_their_answers(server: Server, count: int) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("GET", LIVE) * count)
        connection.send_no_more()
        for _ in range(count):
            await check_live(connection)
        assert await connection.closed()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("more", [0, 3, 40, -1])  # bytes of a next request that lacks its end
async def test_uploads_under_way_at_the_end_have_their_answers(
    server: Server, module_database: Database, api: httpx.AsyncClient, device_id: str, group: str, count: int, more: int
) -> None:
    await api.post("/api/v1/devices/register", json=registration(device_id, group))
    lock = f"select from core.devices where device_id = '{device_id}' for update"
    async with connect(server.port) as connection:
        async with (
            transaction(module_database, lock) as holder,
            module_database.cluster.session(module_database.name) as watch,
        ):
            for number in range(count):
                await connection.send(upload(api, device_id, number))
            await connection.send(upload(api, device_id, count)[:more])
            connection.send_no_more()
            await until_blocked(watch, holder)
        for _ in range(count):
            answer = await connection.answer()
            assert answer is not None
            assert answer.json() == {"success": True, "processed_count": 1}
        assert await connection.closed()
    assert await module_database.value("select count(*) from core.locations where device_id = $1", device_id) == count


@pytest.mark.parametrize("sent", [b"", b"GET", request("GET", LIVE)[:-1]])
async def test_an_end_before_the_end_of_a_head_is_no_request(server: Server, sent: bytes) -> None:
    async with connect(server.port) as connection:
        await connection.send(request("GET", LIVE))
        await check_live(connection)
        await connection.send(sent)
        connection.send_no_more()
        assert await connection.closed()


async def test_an_upload_that_lacks_its_end_is_not_stored(
    server: Server, module_database: Database, api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    await api.post("/api/v1/devices/register", json=registration(device_id, group))
    async with connect(server.port) as connection:
        await connection.send(upload(api, device_id)[:-1])
        connection.send_no_more()
        assert await connection.closed()
    assert await module_database.value("select count(*) from core.locations where device_id = $1", device_id) == 0


async def test_a_pipeline_is_not_gathered_in_memory(server: Server) -> None:
    """A client may send as fast as it likes: what it is not answered yet stays in the network's buffers."""
    requests = request("GET", LIVE, f"X-A: {'a' * 400}")
    count, together = 12_000, 1000

    async def send_all() -> None:
        for _ in range(count // together):
            await connection.send(requests * together)

    before = await peak_memory(server.process.pid)
    async with connect(server.port) as connection, beside(send_all()):
        for _ in range(count):
            await check_live(connection)
    assert await peak_memory(server.process.pid) - before < 10 * MIB
