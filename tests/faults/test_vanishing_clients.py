"""Clients that vanish in the middle: what they had sent is stored whole or not at all, what they held is given back."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.conftest import now_ms, point, registration
from tests.exports import device_with_points, none_under_way, start_export
from tests.raw_http import connect, request
from tests.server import serve
from tests.waiting import transaction, until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.cluster import Database
    from tests.server import Server

ROUNDS = int(os.environ.get("PM_FAULT_ROUNDS", "40"))
BATCH = 50
STORED = "select count(*) from core.locations where device_id = $1"
BUSY = """
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'phone-manager' and state <> 'idle'
"""
LISTING = "/api/v1/devices?group_id=family"


async def at_rest(database: Database) -> bool:
    return bool(await database.value(BUSY) == 0)


def batch(api: httpx.AsyncClient, device_id: str) -> bytes:
    """A request with a batch of new points."""
    now = now_ms()
    points = [point(now - n * 1000) for n in range(BATCH)]
    body = api.build_request("POST", "/", json={"device_id": device_id, "locations": points}).content
    lines = (f"X-API-Key: {api.headers['X-API-Key']}", "Content-Type: application/json")
    return request("POST", "/api/v1/locations/batch", *lines, f"Content-Length: {len(body)}", body=body)


@pytest.mark.parametrize("reset", [False, True])
async def test_while_its_batch_waits_in_the_database(
    server: Server, module_database: Database, api: httpx.AsyncClient, device_id: str, group: str, *, reset: bool
) -> None:
    """It had sent all, so it is stored."""
    await api.post("/api/v1/devices/register", json=registration(device_id, group))
    lock = f"select from core.devices where device_id = '{device_id}' for update"
    async with (
        transaction(module_database, lock) as holder,
        module_database.cluster.session(module_database.name) as watch,
        connect(server.port) as connection,
    ):
        await connection.send(batch(api, device_id))
        await until_blocked(watch, holder)
        connection.leave(reset=reset)
    await until("the end of the upload", lambda: at_rest(module_database))
    assert await module_database.value(STORED, device_id) == BATCH


@pytest.mark.long
async def test_at_any_moment_of_a_batch(
    server: Server, module_database: Database, api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    """Whole or not at all; and a batch that lacked something of its end, not at all."""
    await api.post("/api/v1/devices/register", json=registration(device_id, group))
    for _ in range(ROUNDS):
        await module_database.execute("delete from core.locations")
        whole = batch(api, device_id)
        sent = random.choice((len(whole), len(whole), random.randrange(len(whole))))
        async with connect(server.port) as connection:
            await connection.send(whole[:sent])
            for _ in range(random.randrange(20)):  # some turns of the loop, so that the server gets on
                await asyncio.sleep(0.0005)
            connection.leave(reset=random.random() < 0.5)
        assert (await api.get(LISTING)).status_code == 200
        await until("the end of the upload", lambda: at_rest(module_database))
        assert await module_database.value(STORED, device_id) in ((0, BATCH) if sent == len(whole) else (0,))


@pytest.mark.long
async def test_at_any_moment_of_an_export(database: Database, tmp_path: Path) -> None:
    """Its connection to the database is given back each time: the pool has four, one of them for exports."""
    await database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")
    device = await device_with_points(database, 20_000)
    key = await database.create_key()
    async with (
        serve(database.api_url, tmp_path, database__max_connections="4") as server,
        server.client(key) as client,
    ):
        for _ in range(ROUNDS):
            async with start_export(server, key, device) as export:
                for _ in range(random.randrange(30)):
                    await export.read()
            await until("the end of the export", lambda: none_under_way(database))
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await client.get(f"/api/v1/devices/{device}/data-export")).json()["location_count"] == 20_000
