"""Uploads that wait at the same moment share a call of the database, and each gets what it would have got alone."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from app.together import CALLS
from tests.conftest import now_ms, point, registration
from tests.contract import check_problem
from tests.line import posts
from tests.waiting import deadlocks, transaction, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

SINGLE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
CROWD = 30

LOCK_DEVICE = "select from core.devices where device_id = '{}' for no key update"
TRANSACTIONS = "select count(distinct xmin::text) from core.devices where device_id::text = any($1)"
POINTS = "select count(*) from core.locations where device_id::text = $1"
TERMINATE = "select pg_terminate_backend(pid) from unnest($1::integer[]) pid"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked. The server, made later, has ended by then."""
    yield
    assert await deadlocks(module_database) == 0


@pytest_asyncio.fixture
async def devices(module_database: Database) -> list[str]:
    """Registered devices."""
    ids = [str(uuid.uuid4()) for _ in range(CROWD)]
    for number, device in enumerate(ids):
        await module_database.call("register_device", registration(device, f"{ids[0]}-{number // 20}"))
    return ids


def upload(path: str, device: str, timestamp: int | None = None, **fields: Any) -> dict[str, Any]:
    """An upload of one point, or of three with the newest at that time."""
    newest = now_ms() if timestamp is None else timestamp
    if path == SINGLE:
        return {"device_id": device, **point(newest, **fields)}
    return {"device_id": device, "locations": [point(newest - 2000), point(newest - 1000), point(newest, **fields)]}


def success(path: str, duplicates: int = 0) -> dict[str, Any]:
    """The answer to it."""
    answer = {"success": True, "processed_count": 1 if path == SINGLE else 3}
    return {**answer, "duplicate_count": duplicates} if duplicates else answer


@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_those_that_wait_share_transactions(
    server: Server, module_database: Database, devices: list[str], path: str
) -> None:
    async with posts(server, module_database, path, [upload(path, device) for device in devices]) as waiting:
        pass
    assert [(a.status_code, a.json()) for a in waiting.answers] == [(200, success(path))] * CROWD
    for device in devices:
        assert await module_database.value(POINTS, device) == (1 if path == SINGLE else 3)
    assert await module_database.value(TRANSACTIONS, devices) < CROWD / 3


@pytest.mark.parametrize("path", [SINGLE, BATCH])
@pytest.mark.parametrize("malformed", [True, False])
async def test_each_gets_the_answer_that_it_would_get_alone(
    server: Server,
    module_database: Database,
    devices: list[str],
    path: str,
    malformed: bool,  # noqa: FBT001
) -> None:
    inactive, twice, many, unknown = devices[0], devices[1], devices[2], str(uuid.uuid4())
    await module_database.call("deactivate_device", {"device_id": inactive})
    now = now_ms()
    sent = upload(path, twice, now)
    await module_database.call("upload_location" if path == SINGLE else "upload_locations", sent, {})
    good = [upload(path, device) for device in devices[10:]]
    special = [
        upload(path, inactive),
        upload(path, unknown),
        upload(path, "no-uuid"),
        sent,
        *(upload(path, many, now) for _ in range(4)),
    ]
    bad = [b'{"device_id": ', b"5", upload(path, devices[3], latitude=91)] if malformed else []
    async with posts(server, module_database, path, [*good[:10], *special, *bad, *good[10:]]) as waiting:
        pass

    answers = waiting.answers
    rest = [*answers[:10], *answers[10 + len(special) + len(bad) :]]
    assert [(a.status_code, a.json()) for a in rest] == [(200, success(path))] * len(good)
    first, second, third, again, *same = answers[10 : 10 + len(special)]
    for answer in (first, second):
        check_problem(answer, 404, message="Device not found. Please register first.")
    check_problem(third, 400, fields=["device_id"])
    count = 1 if path == SINGLE else 3
    assert again.json() == success(path, duplicates=count)
    assert [answer.json() for answer in same].count(success(path)) == 1
    assert [answer.json() for answer in same].count(success(path, duplicates=count)) == 3
    assert await module_database.value(POINTS, many) == count
    if malformed:
        broken, scalar, beyond = answers[10 + len(special) : 10 + len(special) + len(bad)]
        check_problem(broken, 400)
        check_problem(scalar, 400, message="The request body must be a JSON object.")
        check_problem(beyond, 400, fields=["latitude" if path == SINGLE else "locations[2].latitude"])
        assert await module_database.value(POINTS, devices[3]) == 0


@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_a_device_that_somebody_holds_holds_up_nobody_else(
    api: httpx.AsyncClient, module_database: Database, devices: list[str], path: str
) -> None:
    held, *others = devices
    async with (
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as crowd,
        transaction(module_database, LOCK_DEVICE.format(held)) as holder,
    ):
        waiting = [crowd.create_task(api.post(path, json=upload(path, held))) for _ in range(CALLS + 2)]
        await until_blocked(watch, holder, CALLS + 2)
        answers = await asyncio.gather(*(api.post(path, json=upload(path, device)) for device in others))
        assert [answer.status_code for answer in answers] == [200] * len(others)
        assert not any(task.done() for task in waiting)
    assert [task.result().status_code for task in waiting] == [200] * len(waiting)


@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_calls_that_break_fail_those_that_share_them(
    server: Server, api: httpx.AsyncClient, module_database: Database, devices: list[str], path: str
) -> None:
    async with posts(server, module_database, path, [upload(path, device) for device in devices]) as waiting:
        await module_database.fetch(TERMINATE, waiting.blocked)
    answers = waiting.answers
    broken = [device for device, answer in zip(devices, answers, strict=True) if answer.status_code == 503]
    assert broken
    assert {answer.status_code for answer in answers} <= {200, 503}
    for device in broken:
        assert await module_database.value(POINTS, device) == 0
        assert (await api.post(path, json=upload(path, device))).status_code == 200
