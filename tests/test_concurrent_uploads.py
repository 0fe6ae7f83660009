"""Uploads at the same moment: one idempotency key, one point, one device."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.waiting import api_session, beside, call, deadlocks, transaction, until_blocked, waits_for_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database

SINGLE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
DEVICES = "/api/v1/devices"
CROWD = 20  # requests at once: as many as the server has connections
LOCK_DEVICE = "select from core.devices where device_id = '{}' for update"
POINTS = "select count(*) from core.locations where device_id::text = $1"
ANSWERS = "select count(*) from core.idempotency_keys where device_id::text = $1"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked. The server, made later, has ended by then."""
    yield
    assert await deadlocks(module_database) == 0


def batch(device: str, count: int, first: int | None = None) -> dict[str, Any]:
    """A batch of points, a second apart."""
    first = now_ms() - 3_600_000 if first is None else first
    return {"device_id": device, "locations": [point(first + 1000 * number) for number in range(count)]}


def single(device: str) -> dict[str, Any]:
    """A single point."""
    return {"device_id": device, **point()}


async def send_together(
    api: httpx.AsyncClient, database: Database, device: str, path: str, bodies: list[dict[str, Any]], **headers: str
) -> list[httpx.Response]:
    """Sends requests of a device that all are under way in the database before the first of them may end."""
    async with (
        database.cluster.session(database.name) as watch,
        asyncio.TaskGroup() as crowd,
        transaction(database, LOCK_DEVICE.format(device)) as holder,
    ):
        runs = [crowd.create_task(api.post(path, json=body, headers=headers)) for body in bodies]
        await until_blocked(watch, holder, len(bodies))
    return [run.result() for run in runs]


@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_one_idempotency_key_from_many_connections_runs_once(
    api: httpx.AsyncClient, module_database: Database, device: str, path: str
) -> None:
    body = single(device) if path == SINGLE else batch(device, 50)
    count = 1 if path == SINGLE else 50
    answers = await send_together(
        api, module_database, device, path, [body] * CROWD, **{"Idempotency-Key": str(uuid.uuid4())}
    )
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json() for answer in answers] == [{"success": True, "processed_count": count}] * CROWD
    assert {answer.content for answer in answers} == {answers[0].content}
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert (replayed.count("true"), replayed.count(None)) == (CROWD - 1, 1)
    assert await module_database.value(POINTS, device) == count
    assert await module_database.value(ANSWERS, device) == 1


async def test_one_idempotency_key_for_different_bodies_at_once_takes_one(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    bodies = [batch(device, number) for number in range(1, CROWD + 1)]
    answers = await send_together(api, module_database, device, BATCH, bodies, **{"Idempotency-Key": str(uuid.uuid4())})
    (taken,) = (answer for answer in answers if answer.status_code == 200)
    refused = [answer for answer in answers if answer is not taken]
    assert {(answer.status_code, answer.json()["error"]) for answer in refused} == {(422, "idempotency_key_reused")}
    assert await module_database.value(POINTS, device) == taken.json()["processed_count"]


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_the_second_with_a_key_waits_then_replays_or_runs(
    module_database: Database, device: str, ends: str
) -> None:
    api_key_id = await module_database.value("select id from core.api_keys limit 1")
    key = uuid.uuid4().hex * 2
    context = {"api_key_id": api_key_id, "idempotency_key": key}
    body = single(device)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        api_session(module_database) as second,
    ):
        await first.execute("begin")
        assert not (await call(first, "upload_location", body, context))["replayed"]
        async with beside(call(second, "upload_location", body, context)) as waiting:
            assert await until_blocked(watch, first) == [second.get_server_pid()]
            name = f"{api_key_id} upload_location {key}"
            assert await waits_for_name(watch, second.get_server_pid(), "idempotency key", name)
            await first.execute(ends)
            assert (await waiting)["replayed"] == (ends == "commit")
    assert await module_database.value(POINTS, device) == 1
    assert await module_database.value(ANSWERS, device) == 1


async def test_a_request_that_failed_stores_nothing_so_the_next_with_its_key_runs(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = single(device_id)
    refused = await asyncio.gather(*(api.post(SINGLE, json=body, headers=key) for _ in range(CROWD)))
    assert {answer.status_code for answer in refused} == {404}
    await api.post(f"{DEVICES}/register", json=registration(device_id, group))
    first, second = [await api.post(SINGLE, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await module_database.value(POINTS, device_id) == 1


async def test_the_second_runs_when_the_first_fails_while_it_waits(
    module_database: Database, device_id: str, group: str
) -> None:
    context = {
        "api_key_id": await module_database.value("select id from core.api_keys limit 1"),
        "idempotency_key": uuid.uuid4().hex * 2,
    }
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        api_session(module_database) as second,
    ):
        await first.execute("begin")
        # The first registers the device, stores its point, then fails: both are gone when the second gets its turn.
        await call(first, "register_device", registration(device_id, group))
        await call(first, "upload_location", single(device_id), context)
        async with beside(call(second, "upload_location", single(device_id), context)) as waiting:
            await until_blocked(watch, first)
            await first.execute("rollback")
            with pytest.raises(asyncpg.PostgresError, match="Please register first") as refused:
                await waiting
        assert refused.value.sqlstate == "PT404"
        await call(second, "register_device", registration(device_id, group))
        assert not (await call(second, "upload_location", single(device_id), context))["replayed"]
    assert await module_database.value(POINTS, device_id) == 1


async def test_one_point_from_many_connections_is_stored_once(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    answers = await send_together(api, module_database, device, SINGLE, [single(device)] * CROWD)
    assert {answer.status_code for answer in answers} == {200}
    bodies = [answer.json() for answer in answers]
    assert bodies.count({"success": True, "processed_count": 1}) == 1
    assert bodies.count({"success": True, "processed_count": 1, "duplicate_count": 1}) == CROWD - 1
    assert await module_database.value(POINTS, device) == 1


async def test_batches_that_overlap_store_each_point_once(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    start = now_ms() - 7_200_000
    bodies = [batch(device, 50, start + 1000 * random.randrange(100)) for _ in range(CROWD)]
    for body in bodies:
        random.shuffle(body["locations"])  # points are locked in the order of the batch; the device's row guards them
    answers = await send_together(api, module_database, device, BATCH, bodies)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["processed_count"] for answer in answers} == {50}
    stored = sum(50 - answer.json().get("duplicate_count", 0) for answer in answers)
    different = len({sent["timestamp"] for body in bodies for sent in body["locations"]})
    assert stored == different == await module_database.value(POINTS, device)


async def test_the_last_location_is_the_newest_in_whatever_order_points_arrive(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    newest = now_ms()
    ages = random.sample(range(100), 100)
    bodies = [{"device_id": device, **point(newest - age * 1000, battery_level=age)} for age in ages]
    line = asyncio.Queue[dict[str, Any]]()
    for body in bodies:
        line.put_nowait(body)

    async def send() -> None:
        while not line.empty():
            assert (await api.post(SINGLE, json=line.get_nowait())).status_code == 200

    await asyncio.gather(*(send() for _ in range(CROWD)))
    (listed,) = (await api.get(DEVICES, params={"group_id": group})).json()["devices"]
    assert listed["last_location"]["battery_level"] == 0
    captured = await module_database.value(
        "select extract(epoch from last_captured_at) * 1000 from core.devices where device_id::text = $1", device
    )
    assert captured == newest
    assert await module_database.value(POINTS, device) == 100


async def test_devices_do_not_wait_for_each_other(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    others = [str(uuid.uuid4()) for _ in range(10)]
    for other in others:
        await api.post(f"{DEVICES}/register", json=registration(other, group))
    async with (
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as crowd,
        transaction(module_database, LOCK_DEVICE.format(device)) as holder,
    ):
        held = crowd.create_task(api.post(SINGLE, json=single(device)))
        await until_blocked(watch, holder)
        answers = await asyncio.gather(*(api.post(BATCH, json=batch(other, 50)) for other in others))
        assert {answer.status_code for answer in answers} == {200}
        assert len((await api.get(DEVICES, params={"group_id": group})).json()["devices"]) == 11
        assert not held.done()
    assert held.result().status_code == 200
