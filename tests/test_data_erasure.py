"""DELETE /api/v1/devices/{device_id}/data: the device, its points and its stored answers are gone for good."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem
from tests.waiting import deadlocks, transaction, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database

DEVICES = "/api/v1/devices"
SINGLE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
LEFT = [
    f"select count(*) from core.{table} where device_id = $1" for table in ("devices", "locations", "idempotency_keys")
]
LOCK_DEVICE = "select from core.devices where device_id = '{}' for update"
ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked. The server, made later, has ended by then."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")
    yield
    assert await deadlocks(module_database) == 0


@pytest_asyncio.fixture
async def device(api: httpx.AsyncClient, device_id: str, group: str) -> str:
    """A device with points and stored answers."""
    await api.post(f"{DEVICES}/register", json=registration(device_id, group))
    for number in range(3):
        days = [point(now_ms() - number - age * 86_400_000) for age in range(20)]
        batch = {"device_id": device_id, "locations": days}
        answer = await api.post(BATCH, json=batch, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status_code == 200
    return device_id


async def left(database: Database, device: str) -> list[int]:
    """How many rows there are of a device: of itself, its points, its stored answers."""
    return [await database.value(query, device) for query in LEFT]


async def test_all_of_a_device_goes_and_nothing_of_others(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    other = str(uuid.uuid4())
    await api.post(f"{DEVICES}/register", json=registration(other, group))
    await api.post(SINGLE, json={"device_id": other, **point()}, headers={"Idempotency-Key": other})
    assert await left(module_database, device) == [1, 60, 3]

    answer = await api.delete(f"{DEVICES}/{device}/data", headers={"X-Request-ID": "erase-1"})
    assert (answer.status_code, answer.content) == (204, b"")
    check_headers(answer)
    assert await left(module_database, device) == [0, 0, 0]
    assert await left(module_database, other) == [1, 1, 1]
    listed = (await api.get(DEVICES, params={"group_id": group})).json()["devices"]
    assert [one["device_id"] for one in listed] == [other]

    check_problem(await api.delete(f"{DEVICES}/{device}/data"), 404, message="Device not found.")
    check_problem(await api.get(f"{DEVICES}/{device}/data-export"), 404, message="Device not found.")
    check_problem(await api.delete(f"{DEVICES}/{device}"), 404, message="Device not found.")
    upload = await api.post(SINGLE, json={"device_id": device, **point()})
    check_problem(upload, 404, message="Device not found. Please register first.")

    (row,) = await module_database.fetch(
        """select k.key_hash = sha256(convert_to($2, 'UTF8')) as by_key, action, resource_type, host(ip_address) as ip,
               request_id, metadata
           from core.audit_log a join core.api_keys k on k.id = a.api_key_id
           where resource_id = $1""",
        device,
        api.headers["X-API-Key"],
    )
    assert tuple(row) == (True, "erase_device", "device", "127.0.0.1", "erase-1", "{}")


async def test_a_phone_that_comes_back_begins_anew(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    assert (await api.delete(f"{DEVICES}/{device}/data")).status_code == 204
    assert (await api.post(f"{DEVICES}/register", json=registration(device, group))).status_code == 200
    assert await left(module_database, device) == [1, 0, 0]
    (listed,) = (await api.get(DEVICES, params={"group_id": group})).json()["devices"]
    assert listed["last_location"] is None


async def test_an_inactive_device(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    assert (await api.delete(f"{DEVICES}/{device}")).status_code == 204
    assert (await api.delete(f"{DEVICES}/{device.upper()}/data")).status_code == 204
    assert await left(module_database, device) == [0, 0, 0]


@pytest.mark.parametrize("bad", ["x", "null", ID.replace("-", ""), f"{ID}%20", "%ff", "%zz", "%00", "register"])
async def test_what_is_no_uuid(api: httpx.AsyncClient, bad: str) -> None:
    check_problem(await api.delete(f"{DEVICES}/{bad}/data"), 400, fields=["device_id"])


async def test_uploads_at_the_same_moment_leave_nothing_behind(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    """Uploads before it in the line are erased, those behind it find no device; of two erasures, one finds it."""

    def upload() -> asyncio.Task[httpx.Response]:
        body = {"device_id": device, "locations": [point(), point(now_ms() - 10 * 86_400_000)]}
        return crowd.create_task(api.post(BATCH, json=body, headers={"Idempotency-Key": str(uuid.uuid4())}))

    async with (
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as crowd,
        transaction(module_database, LOCK_DEVICE.format(device)) as holder,
    ):
        uploads = [upload() for _ in range(8)]
        await until_blocked(watch, holder, 8)
        erasures = [crowd.create_task(api.delete(f"{DEVICES}/{device}/data")) for _ in range(2)]
        await until_blocked(watch, holder, 10)
        uploads += [upload() for _ in range(8)]
        await until_blocked(watch, holder, 18)
    assert sorted(erasure.result().status_code for erasure in erasures) == [204, 404]
    assert {one.result().status_code for one in uploads} <= {200, 404}
    assert await left(module_database, device) == [0, 0, 0]
