"""Erasing devices while phones upload and jobs clean up: nothing is left behind, and nobody deadlocks."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.groups import make_devices
from tests.operators import operator_session
from tests.waiting import api_session, beside, call, deadlocks, transaction, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.waiting import Session

SINGLE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
CROWD = 20  # requests at once: as many as the server has connections
LOCK_DEVICE = "select from core.devices where device_id = '{}' for update"
NOT_FOUND = "Device not found. Please register first."
LEFT = """
    select (select count(*) from core.devices where device_id = $1)
        + (select count(*) from core.locations where device_id = $1)
        + (select count(*) from core.idempotency_keys where device_id = $1)
"""
ERASE = "select admin.erase_device($1)"
DELETE = "select admin.delete_inactive_devices(30)"
AGE = """
    update core.devices
    set updated_at = now() - interval '60 days', last_captured_at = now() - interval '50 days'
    where device_id::text = any($1)
"""


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked. The server, made later, has ended by then."""
    yield
    assert await deadlocks(module_database) == 0


@pytest_asyncio.fixture
async def device(module_database: Database, group: str) -> str:
    """A registered device."""
    (made,) = await make_devices(module_database, group, 1)
    return made


@pytest_asyncio.fixture
async def context(module_database: Database) -> dict[str, Any]:
    """The context of a request with an idempotency key that nobody used."""
    await module_database.create_key()
    api_key_id = await module_database.value("select max(id) from core.api_keys")
    return {"api_key_id": api_key_id, "idempotency_key": uuid.uuid4().hex * 2}


def batch(device: str) -> dict[str, Any]:
    """A batch of points of several days."""
    return {"device_id": device, "locations": [point(now_ms() - 43_200_000 * number) for number in range(10)]}


async def test_erasure_waits_for_an_upload_and_takes_its_points_too(
    module_database: Database, device: str, context: dict[str, Any]
) -> None:
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as phone,
        operator_session(module_database) as operator,
    ):
        await phone.execute("begin")
        await call(phone, "upload_locations", batch(device), context)
        async with beside(operator.fetchval(ERASE, device)) as waiting:
            assert await until_blocked(watch, phone) == [operator.get_server_pid()]
            await phone.execute("commit")
            assert await waiting == f"Device {device} and all its data are erased."
    assert await module_database.value(LEFT, device) == 0


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_an_upload_waits_for_an_erasure_and_then_finds_no_device(
    module_database: Database, device: str, context: dict[str, Any], ends: str
) -> None:
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as phone,
        operator_session(module_database) as operator,
    ):
        await operator.execute("begin")
        await operator.fetchval(ERASE, device)
        async with beside(call(phone, "upload_locations", batch(device), context)) as waiting:
            assert await until_blocked(watch, operator) == [phone.get_server_pid()]
            await operator.execute(ends)
            if ends == "commit":
                with pytest.raises(asyncpg.PostgresError, match=NOT_FOUND) as refused:
                    await waiting
                assert refused.value.sqlstate == "PT404"
            else:
                assert not (await waiting)["replayed"]
    assert await module_database.value(LEFT, device) == (0 if ends == "commit" else 12)


async def test_erasure_amid_a_crowd_of_uploads_leaves_nothing_behind(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    async def upload(number: int) -> httpx.Response:
        path, body = (BATCH, batch(device)) if number % 2 else (SINGLE, {"device_id": device, **point()})
        return await api.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    async with operator_session(module_database) as operator:
        async with (
            module_database.cluster.session(module_database.name) as watch,
            asyncio.TaskGroup() as crowd,
            transaction(module_database, LOCK_DEVICE.format(device)) as holder,
        ):
            before = [crowd.create_task(upload(number)) for number in range(CROWD // 2)]
            await until_blocked(watch, holder, len(before))
            erasure = crowd.create_task(operator.fetchval(ERASE, device))
            await until_blocked(watch, holder, len(before) + 1)
            after = [crowd.create_task(upload(number)) for number in range(CROWD // 2)]
            await until_blocked(watch, holder, len(before) + 1 + len(after))
        assert erasure.result() == f"Device {device} and all its data are erased."
    answers = [run.result() for run in (*before, *after)]
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert 404 in {answer.status_code for answer in answers}
    assert await module_database.value(LEFT, device) == 0
    await api.post("/api/v1/devices/register", json=registration(device, "again"))
    assert await module_database.value(LEFT, device) == 1, "a phone that comes back begins anew"


async def test_an_inactive_device_that_comes_back_in_time_is_not_deleted(module_database: Database, group: str) -> None:
    back, gone = await make_devices(module_database, group, 2, active=False)
    await module_database.fetch(AGE, [back, gone])
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as phone,
        operator_session(module_database) as operator,
    ):
        await phone.execute("begin")
        await call(phone, "register_device", registration(back, group))
        async with beside(operator.fetchval(DELETE)) as waiting:
            await until_blocked(watch, phone)
            await phone.execute("commit")
            assert await waiting == "Devices deleted with all their data: 1."
    assert [await module_database.value(LEFT, device) for device in (back, gone)] == [1, 0]


async def clean_up(session: Session) -> None:
    """All steps of the cleanup, in the owner's transaction."""
    position = None
    while True:
        row = await session.fetchrow("select next_position from jobs.cleanup_locations_step($1)", position)
        assert row is not None
        if (position := row["next_position"]) is None:
            return


@pytest.mark.parametrize("first", ["cleanup", "deletion", "two deletions"])
async def test_deletion_of_many_gets_along_with_the_cleanup_and_with_another(
    module_database: Database, group: str, first: str
) -> None:
    """Both lock the rows of the same devices; whoever comes second waits, whatever the first goes on to do."""
    devices = await make_devices(module_database, group, 300, active=False)
    await module_database.fetch(AGE, devices)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        module_database.cluster.session(module_database.name) as job,
        operator_session(module_database) as operator,
        operator_session(module_database) as second,
    ):
        one = job if first == "cleanup" else operator
        await one.execute("begin")
        deleted = 0
        if first == "cleanup":
            await clean_up(one)
        else:
            deleted = int((await one.fetchval(DELETE)).split()[-1].rstrip("."))
        async with beside(clean_up(job) if first == "deletion" else second.fetchval(DELETE)) as waiting:
            await until_blocked(watch, one)
            await one.execute("commit")
            if (result := await waiting) is not None:
                deleted += int(result.split()[-1].rstrip("."))
    assert deleted == 300
    left = "select count(*) from core.devices where device_id::text = any($1)"
    assert await module_database.value(left, devices) == 0
