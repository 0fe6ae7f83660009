"""Two or three sessions in an order that the test decides: who waits for whom, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.faults.invariants import check_rules
from tests.groups import make_devices, members
from tests.operators import operator_session
from tests.waiting import api_session, beside, call, deadlocks, until_blocked, waits_for_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from tests.cluster import Database

POINTS = "select count(*) from core.locations where device_id::text = $1"
ADMIT = "select * from api.admit($1, 'default', $2)"
MANY = "select request from api.upload_location_many($1::jsonb[])"
ROW_LOCKED = "select from core.devices where device_id::text = $1 for no key update nowait"
CREATE = "select core.create_partition((now() at time zone 'UTC')::date + 40)"
DROP_DAY = "do $$ begin execute 'drop table ' || core.partition_name((now() at time zone 'UTC')::date - 2); end $$"
CREATE_DAY = "select core.create_partition((now() at time zone 'UTC')::date - 2)"
IN_DEFAULT = "select count(*) from core.locations_default"
LAST = "select last_captured_at from core.devices where device_id::text = $1"
CREATE_AHEAD = "select core.create_partition((now() at time zone 'UTC')::date + $1::integer)"
MISSING_AHEAD = "select to_regclass(core.partition_name((now() at time zone 'UTC')::date + 40))"
STEP = "select next_position from jobs.cleanup_locations_step($1)"
DAY = 86_400_000


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked."""
    yield
    assert await deadlocks(module_database) == 0


@pytest.mark.parametrize("kind", ["registers", "moves", "reactivates"])
async def test_who_waits_for_a_group_holds_no_device(module_database: Database, group: str, kind: str) -> None:
    """Group first, then device: otherwise an upload would wait for a group, and two could wait for each other."""
    place = (group, False) if kind == "reactivates" else (f"{group}-other", True)
    (device,) = await make_devices(module_database, place[0], 1, active=place[1])
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        (api_session if kind == "registers" else operator_session)(module_database) as second,
    ):
        await first.execute("begin")
        await call(first, "register_device", registration("6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11", group))
        work: Coroutine[Any, Any, Any]
        if kind == "registers":
            work = call(second, "register_device", registration(device, group))
        elif kind == "moves":
            work = second.fetchrow("select admin.move_device($1, $2)", device, group)
        else:
            work = second.fetchrow("select admin.reactivate_device($1)", device)
        async with beside(work) as waiting:
            assert await until_blocked(watch, first) == [second.get_server_pid()]
            assert await waits_for_name(watch, second.get_server_pid(), "group", group)
            await watch.execute(ROW_LOCKED, device)
            await first.execute("rollback")
            await waiting
    assert await members(module_database, group) == {device}


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_a_device_that_is_deactivated_while_it_moves_is_active_in_its_new_group(
    module_database: Database, group: str, ends: str
) -> None:
    """The registration came last, so it counts, and a place for it was looked for."""
    (device,) = await make_devices(module_database, group, 1)
    await make_devices(module_database, f"{group}-full", 20)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as leaving,
        api_session(module_database) as moving,
    ):
        for target in (f"{group}-other", f"{group}-full", f"{group}-other"):
            await leaving.execute("begin")
            await call(leaving, "deactivate_device", {"device_id": device})
            async with beside(call(moving, "register_device", registration(device, target))) as waiting:
                assert await until_blocked(watch, leaving) == [moving.get_server_pid()]
                await leaving.execute(ends)
                if target.endswith("full"):
                    with pytest.raises(asyncpg.PostgresError, match="maximum device limit"):
                        await waiting
                    await call(leaving, "register_device", registration(device, f"{group}-other"))
                else:
                    await waiting
    assert await members(module_database, f"{group}-other") == {device}
    assert len(await members(module_database, f"{group}-full")) == 20


async def test_a_shared_upload_leaves_a_held_device_out_and_waits_for_nobody(
    module_database: Database, group: str
) -> None:
    devices = await make_devices(module_database, group, 3)
    requests = [orjson.dumps({"device_id": device, **point()}).decode() for device in devices]
    async with api_session(module_database) as holder, api_session(module_database) as shared:
        await shared.execute("set lock_timeout = '5s'")
        await holder.execute("begin")
        await call(holder, "register_device", registration(devices[1], group, display_name="Held"))
        assert [row["request"] for row in await shared.fetch(MANY, requests)] == [1, 3]
        assert [await module_database.value(POINTS, device) for device in devices] == [1, 0, 1]
        await holder.execute("commit")
        assert [row["request"] for row in await shared.fetch(MANY, requests)] == [1, 2, 3]
    assert [await module_database.value(POINTS, device) for device in devices] == [1, 1, 1]


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_a_key_is_admitted_until_its_rotation_is_committed(module_database: Database, ends: str) -> None:
    """Nobody who asks for admission waits for an operator, also where the key's row is about to change."""
    key = await module_database.create_key(rate_limit=10)
    key_hash = sha256(key.encode()).digest()
    identity = await module_database.value("select id from core.api_keys where key_hash = $1", key_hash)
    async with operator_session(module_database) as operator, api_session(module_database) as server:
        await server.execute("set lock_timeout = '5s'")
        await operator.execute("begin")
        successor = await operator.fetchval("select api_key from admin.rotate_api_key($1, interval '0')", identity)
        row = await server.fetchrow(ADMIT, key_hash, 1)
        assert row is not None
        assert row["admitted"] == 1
        with pytest.raises(asyncpg.PostgresError, match="Missing or invalid"):
            await server.fetchrow(ADMIT, sha256(successor.encode()).digest(), 1)
        await operator.execute(ends)
        good, bad = (successor, key) if ends == "commit" else (key, successor)
        assert (await server.fetchrow(ADMIT, sha256(good.encode()).digest(), 1))["admitted"] == 1  # type: ignore[index]
        with pytest.raises(asyncpg.PostgresError) as refused:
            await server.fetchrow(ADMIT, sha256(bad.encode()).digest(), 1)
        assert refused.value.sqlstate == "PT401"


async def test_a_key_that_ends_while_its_rotation_waits_has_no_successor(module_database: Database) -> None:
    identity = await module_database.value("select id from admin.create_api_key('twice')")
    rotate = "select id from admin.rotate_api_key($1)"
    async with (
        module_database.cluster.session(module_database.name) as watch,
        module_database.cluster.session(module_database.name) as first,
        operator_session(module_database) as second,
    ):
        await first.execute("begin")
        await first.execute("select from core.api_keys where id = $1 for update", identity)
        async with beside(second.fetchval(rotate, identity)) as waiting:
            assert await until_blocked(watch, first) == [second.get_server_pid()]
            await first.execute("update core.api_keys set expires_at = clock_timestamp() where id = $1", identity)
            await first.execute("commit")
            with pytest.raises(asyncpg.PostgresError, match="is not valid any more"):
                await waiting


async def test_a_partition_that_another_session_makes_meanwhile_is_there_already(database: Database) -> None:
    """Instances that start at the same moment look for missing partitions before either has made one."""
    async with (
        database.cluster.session(database.name) as watch,
        database.cluster.session(database.name) as first,
        database.cluster.session(database.name) as second,
    ):
        for _ in range(8):
            await second.fetchval(CREATE_AHEAD, 41)  # a session that has all its plans, and so reads no catalog anew
        await first.execute("begin")
        assert await first.fetchval(CREATE_AHEAD, 40) == 0
        await second.execute("set lock_timeout = '50ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await second.fetchval(CREATE_AHEAD, 40)
        await second.fetch(MISSING_AHEAD)
        await second.execute("set lock_timeout = 0")
        async with beside(second.fetchval(CREATE_AHEAD, 40)) as waiting:
            assert await until_blocked(watch, first) == [second.get_server_pid()]
            assert await waits_for_name(watch, second.get_server_pid(), "partitions", "core.locations")
            await first.execute("commit")
            assert await waiting is None


@pytest.mark.parametrize("function", ["upload_location", "upload_locations"])
async def test_an_upload_that_waits_for_its_partition_is_stored_there(
    database: Database, group: str, function: str
) -> None:
    """It waits at its device, before it chooses a partition; in the default one it would now be refused as bad data."""
    (device,) = await make_devices(database, group, 1)

    def body(days: int) -> dict[str, Any]:
        sent = point(now_ms() - days * DAY)
        return {"device_id": device, **(sent if function == "upload_location" else {"locations": [sent]})}

    async with (
        database.cluster.session(database.name) as watch,
        database.cluster.session(database.name) as job,
        api_session(database) as phone,
    ):
        await call(phone, function, body(3))  # has its plans ready
        await job.execute(DROP_DAY)
        await job.execute("begin")
        assert await job.fetchval(CREATE_DAY) == 0
        async with beside(call(phone, function, body(2))) as waiting:
            assert await until_blocked(watch, job) == [phone.get_server_pid()]
            await job.execute("commit")
            assert orjson.loads((await waiting)["answer"]) == {"success": True, "processed_count": 1}
    assert await database.value(IN_DEFAULT) == 0
    assert await database.value(POINTS, device) == 2


@pytest.mark.parametrize("first", ["upload", "drop"])
async def test_a_late_upload_at_the_edge_of_the_retention(database: Database, group: str, first: str) -> None:
    """Accepted a moment before midnight, when its day has half a second to live, beside the cleanup after midnight."""
    (device,) = await make_devices(database, group, 1)
    midnight = await database.value("select date_trunc('day', now(), 'UTC') + interval '1 day'")
    sent = {"device_id": device, **point(int(midnight.timestamp() * 1000) - 30 * DAY - 500)}
    async with (
        database.cluster.session(database.name) as watch,
        database.cluster.session(database.name) as phone,
        database.cluster.session(database.name) as job,
    ):
        await phone.execute(f"set pm.test_now = '{midnight - timedelta(seconds=1)}'")
        await job.execute(f"set pm.test_now = '{midnight}'")
        counted = None
        while "counted" not in (counted or ""):
            counted = await job.fetchval(STEP, counted)
        one, other = (phone, job) if first == "upload" else (job, phone)
        works = (call(phone, "upload_location", sent), job.fetchval(STEP, counted))
        work, waiting_work = works if first == "upload" else reversed(works)
        await one.execute("begin")
        await work
        async with beside(waiting_work) as waiting:
            assert await until_blocked(watch, one) == [other.get_server_pid()]
            await one.execute("commit")
            await waiting
        assert await database.value(POINTS, device) == (0 if first == "upload" else 1)
        assert await database.value(IN_DEFAULT) == (0 if first == "upload" else 1)
        assert await database.value(LAST, device) is not None
        position: str | None = "{}"
        while position is not None:
            position = await job.fetchval(STEP, position)
    assert await database.value(POINTS, device) == 0
    assert await database.value(LAST, device) is None


@pytest.mark.parametrize(
    "session_settings", ["SQL, DMY; Asia/Kolkata", "German; <EST>+3", "Postgres, MDY; Asia/Shanghai"]
)
async def test_partitions_are_days_whatever_the_session_thinks_of_time(
    database: Database, session_settings: str
) -> None:
    """An instance makes partitions, an operator, a scheduler: IST is a time of India, of Israel and of Ireland."""
    style, zone = session_settings.split("; ")
    async with database.cluster.session(database.name) as session:
        await session.execute(DROP_DAY)
        await session.execute(f"set datestyle = '{style}'; set timezone = '{zone}'")
        assert await session.fetchval(CREATE_DAY) == 0
        assert await session.fetchval(CREATE) == 0
    await check_rules(database)
