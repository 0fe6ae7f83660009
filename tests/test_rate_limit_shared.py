"""API keys and their limits, shared through PostgreSQL by several instances."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.conftest import point, registration
from tests.server import Server, serve
from tests.waiting import transaction, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    import pytest

    from tests.cluster import Database

DEVICES = "/api/v1/devices"
LIMIT = 50
REFUSED_WITHIN = 2.0  # seconds
LOCK_WINDOW = "select from core.rate_limits where api_key_id = {} for update"
KEY_ID = "select id from core.api_keys where key_hash = sha256(convert_to($1, 'UTF8'))"


@pytest_asyncio.fixture(scope="module")
async def servers(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Server]]:
    """Three instances with one database, one of them with two workers."""
    directory = tmp_path_factory.mktemp("servers")
    async with AsyncExitStack() as stack:
        running = [serve(module_database.api_url, directory, server__workers=workers) for workers in ("1", "1", "2")]
        yield await asyncio.gather(*(stack.enter_async_context(server) for server in running))


async def listing(client: httpx.AsyncClient) -> httpx.Response:
    """Some ordinary request."""
    return await client.get(DEVICES, params={"group_id": "some-group"})


async def test_exactly_the_limit_is_admitted_over_all_instances(
    servers: list[Server], module_database: Database
) -> None:
    """All instances ask at the same moment: they stand in line for the window."""
    key = await module_database.create_key(rate_limit=LIMIT)
    began = time.monotonic()
    async with AsyncExitStack() as stack:

        async def client(number: int) -> list[httpx.Response]:
            """A client that sends as fast as it can, to each server in turn, some requests at once."""
            doors = [await stack.enter_async_context(server.client(key)) for server in servers]
            answers = []
            for turn in range(5):
                doing = (listing(doors[(number + turn + place) % len(doors)]) for place in range(8))
                answers += await asyncio.gather(*doing)
            return answers

        answers = [await listing(await stack.enter_async_context(servers[0].client(key)))]
        watch = await stack.enter_async_context(module_database.cluster.session(module_database.name))
        lock = LOCK_WINDOW.format(await module_database.value(KEY_ID, key))
        async with asyncio.TaskGroup() as clients, transaction(module_database, lock) as holder:
            runs = [clients.create_task(client(number)) for number in range(4)]
            await until_blocked(watch, holder, len(servers))
    answers += [answer for run in runs for answer in run.result()]
    assert time.monotonic() - began < 60, "within one window"

    admitted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(admitted) == LIMIT
    assert len(refused) == 161 - LIMIT
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {str(LIMIT)}
    # Each admitted request is told a number of its own: 49, 48, … 0.
    assert sorted(int(answer.headers["RateLimit-Remaining"]) for answer in admitted) == list(range(LIMIT))
    for answer in refused:
        body = answer.json()
        assert (answer.status_code, body["error"]) == (429, "rate_limit_exceeded")
        assert answer.headers["RateLimit-Remaining"] == "0"
        assert answer.headers["Retry-After"] == str(body["retry_after"])
        assert 1 <= body["retry_after"] <= int(answer.headers["RateLimit-Reset"]) <= 61


async def test_a_refused_request_does_nothing(servers: list[Server], module_database: Database, group: str) -> None:
    key = await module_database.create_key(rate_limit=2)
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(server.client(key)) for server in servers]
        bodies = [registration(str(uuid.uuid4()), group) for _ in range(6)]
        answers = [await doors[place % 3].post(f"{DEVICES}/register", json=body) for place, body in enumerate(bodies)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429, 429]
    assert await module_database.value("select count(*) from core.devices where group_id = $1", group) == 2


async def test_keys_have_windows_of_their_own(servers: list[Server], module_database: Database) -> None:
    for key in [await module_database.create_key(rate_limit=1) for _ in range(3)]:
        async with servers[0].client(key) as one, servers[2].client(key) as another:
            assert ((await listing(one)).status_code, (await listing(another)).status_code) == (200, 429)


async def test_a_withdrawn_key_is_refused_everywhere_within_two_seconds(
    servers: list[Server], module_database: Database
) -> None:
    """Deactivated, expired or deleted; with a limit or without, where an instance uses an admission again."""
    ways = (
        "select admin.deactivate_api_key({})",
        "select admin.expire_api_key({})",
        "delete from core.api_keys where id = {}",
    )

    async def withdraw(way: str, limit: int) -> None:
        key = await module_database.create_key(rate_limit=limit)
        key_id = await module_database.value(KEY_ID, key)
        async with AsyncExitStack() as stack:
            doors = [await stack.enter_async_context(server.client(key)) for server in servers for _ in range(2)]
            assert {(await listing(door)).status_code for door in doors} == {200}
            await module_database.execute(way.format(key_id))
            withdrawn = time.monotonic()
            await asyncio.gather(*(refusal(door, withdrawn) for door in doors))

    async def refusal(door: httpx.AsyncClient, withdrawn: float) -> None:
        while True:
            sent = time.monotonic()
            answer = await listing(door)
            if answer.status_code == 401:
                break
            assert answer.status_code == 200
            assert sent - withdrawn < REFUSED_WITHIN
            await asyncio.sleep(0.05)
        assert answer.json()["error"] == "unauthorized"

    await asyncio.gather(*(withdraw(way, limit) for way in ways for limit in (0, 1_000_000)))


async def test_a_key_that_is_made_or_reactivated_works_everywhere_at_once(
    servers: list[Server], module_database: Database
) -> None:
    key = await module_database.create_key()
    key_id = await module_database.value(KEY_ID, key)
    await module_database.execute(f"select admin.deactivate_api_key({key_id})")
    for server in servers:
        async with server.client(key) as door:
            assert (await listing(door)).status_code == 401
    await module_database.execute(f"select admin.reactivate_api_key({key_id})")
    for server in servers:
        async with server.client(key) as door:
            assert (await listing(door)).status_code == 200


async def test_requests_of_one_key_do_not_wait_for_each_others_business(
    servers: list[Server], module_database: Database, group: str
) -> None:
    """The admission is over before the business begins, so the key's row and its window are free."""
    key = await module_database.create_key(rate_limit=100_000)
    held_device, *others = [str(uuid.uuid4()) for _ in range(11)]
    async with (
        servers[0].client(key) as door,
        servers[1].client(key) as other_door,
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as crowd,
    ):
        for device in (held_device, *others):
            await door.post(f"{DEVICES}/register", json=registration(device, group))
        async with transaction(
            module_database, f"select from core.devices where device_id = '{held_device}' for update"
        ) as holder:
            held = crowd.create_task(door.post("/api/v1/locations", json={"device_id": held_device, **point()}))
            await until_blocked(watch, holder)
            answers = await asyncio.gather(
                *(
                    client.post("/api/v1/locations", json={"device_id": device, **point()})
                    for device in others
                    for client in (door, other_door)
                )
            )
            assert {answer.status_code for answer in answers} == {200}
            assert not held.done()
            (held_pid,) = await until_blocked(watch, holder)
            tables = await watch.fetch(
                "select distinct relation::regclass::text as name from pg_locks where pid = $1", held_pid
            )
            assert not {"core.api_keys", "core.rate_limits"} & {row["name"] for row in tables}
    assert held.result().status_code == 200


async def test_a_locked_window_stops_its_own_key_only(servers: list[Server], module_database: Database) -> None:
    key, other = [await module_database.create_key(rate_limit=100_000) for _ in range(2)]
    key_id = await module_database.value(KEY_ID, key)
    async with (
        servers[0].client(key) as door,
        servers[0].client(other) as other_door,
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as crowd,
    ):
        assert (await listing(door)).status_code == 200
        async with transaction(module_database, LOCK_WINDOW.format(key_id)) as holder:
            held = [crowd.create_task(listing(door)) for _ in range(30)]
            assert len(await until_blocked(watch, holder)) == 1  # 30 requests, one connection
            assert (await listing(other_door)).status_code == 200
            assert not any(task.done() for task in held)
    assert {task.result().status_code for task in held} == {200}
