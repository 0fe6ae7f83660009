"""More requests than a server can work on: the excess is refused at once, the others are served, and then all are."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import check_problem
from tests.memory import peak_memory
from tests.raw_http import connect, request
from tests.server import serve
from tests.waiting import transaction, until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database
    from tests.raw_http import Connection

LISTING = "/api/v1/devices?group_id=family"
UPLOAD = "/api/v1/locations"
JSON = "Content-Type: application/json"
CROWDED = "Too many requests are under way."
MIB = 1 << 20

PLACES = 40
CROWD = 10 * PLACES
SECONDS = float(os.environ.get("PM_FAULT_SECONDS", "4"))


async def test_who_finds_no_place_is_refused_at_once(database: Database, tmp_path: Path) -> None:
    device = str(uuid.uuid4())
    await database.call("register_device", registration(device, "family"))
    async with (
        serve(database.api_url, tmp_path, server__max_concurrent_requests="3") as server,
        server.client(await database.create_key()) as client,
        database.cluster.session(database.name) as watch,
    ):
        async with transaction(database, "select from core.devices for update") as holder:
            waiting = [asyncio.create_task(client.delete(f"/api/v1/devices/{device}")) for _ in range(3)]
            await until_blocked(watch, holder, 3)
            for method, path in (("GET", LISTING), ("DELETE", f"/api/v1/devices/{device}"), ("POST", UPLOAD)):
                answer = await client.request(method, path, headers={"X-Request-ID": "refused"})
                check_problem(answer, 503, message=CROWDED)
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.headers["X-Request-ID"] == "refused"
            async with server.client() as stranger:
                for headers in ({}, {"X-API-Key": "pm_short"}):
                    check_problem(await stranger.get(LISTING, headers=headers), 401)
            assert (await client.get("/api/health/ready")).status_code == 200, "probes are answered"
            counted = (await client.get("/metrics")).text
            assert 'http_requests_total{method="GET",path="/api/v1/devices",status="503"} 1.0' in counted
        assert sorted([(await answer).status_code for answer in waiting]) == [204, 404, 404]
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(3)))
        assert {answer.status_code for answer in answers} == {200}


async def test_slow_bodies_take_no_place(database: Database, tmp_path: Path) -> None:
    key = await database.create_key()
    async with (
        serve(database.api_url, tmp_path, server__max_concurrent_requests="1") as server,
        server.client(key) as client,
        AsyncExitStack() as stack,
    ):

        async def place_is_free() -> bool:
            return (await client.get(LISTING)).status_code == 200

        for _ in range(5):
            connection = await stack.enter_async_context(connect(server.port))
            await connection.send(request("POST", UPLOAD, f"X-API-Key: {key}", JSON, "Content-Length: 9", body=b"{"))
            await until("it has been admitted", place_is_free)
        for _ in range(20):
            assert (await client.get(LISTING)).status_code == 200


class Phones:
    """Clients that ask again as soon as they have an answer, also where that tells them to wait."""

    def __init__(self, key: str, devices: list[str]) -> None:
        """Phones that share a key."""
        self.statuses: Counter[int] = Counter()
        self._key = key
        self._devices = devices
        self._now = now_ms()
        self._points = 0

    async def run(self, port: int, count: int) -> int:
        """So many upload for some seconds; returns how many points were answered 200."""
        self.statuses.clear()
        end = asyncio.get_running_loop().time() + SECONDS
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(connect(port)) for _ in range(count)]
            await asyncio.gather(*(self._upload(connection, end) for connection in connections))
        return self.statuses[200]

    async def _upload(self, connection: Connection, end: float) -> None:
        while asyncio.get_running_loop().time() < end:
            self._points += 1
            device = self._devices[self._points % len(self._devices)]
            await connection.send(self._request(device, self._now - self._points * 10))
            answer = await connection.answer()
            assert answer is not None
            if answer.status_code != 200:
                check_problem(answer, 503, message=CROWDED)
            self.statuses[answer.status_code] += 1

    def _request(self, device: str, moment: int) -> bytes:
        fields = ",".join(f'"{name}":{value}' for name, value in point(moment).items())
        body = f'{{"device_id":"{device}",{fields}}}'.encode()
        return request("POST", UPLOAD, f"X-API-Key: {self._key}", JSON, f"Content-Length: {len(body)}", body=body)


@pytest.mark.long
async def test_ten_times_as_many_as_there_are_places(database: Database, tmp_path: Path) -> None:
    devices = [str(uuid.uuid4()) for _ in range(PLACES)]
    for number, device in enumerate(devices):
        await database.call("register_device", registration(device, f"group-{number}"))
    key = await database.create_key()
    phones = Phones(key, devices)
    async with (
        serve(
            database.api_url, tmp_path, server__max_concurrent_requests=str(PLACES), logging__level="warning"
        ) as server,
        server.client(key) as client,
    ):
        alone = await phones.run(server.port, PLACES)
        assert set(phones.statuses) == {200}
        before = await peak_memory(server.process.pid)
        crowded = await phones.run(server.port, CROWD)
        assert set(phones.statuses) == {200, 503}
        assert crowded > alone / 5, "those who have places are served nearly as fast as without the crowd"
        assert await peak_memory(server.process.pid) - before < 40 * MIB
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(PLACES)))
        assert {answer.status_code for answer in answers} == {200}, "normal at once"
        again = await phones.run(server.port, PLACES)
        assert set(phones.statuses) == {200}
        assert await database.value("select count(*) from core.locations") == alone + crowded + again
        print(f"uploads in {SECONDS} s: {alone} alone, {crowded} in the crowd, {again} afterwards")  # noqa: T201
