"""jobs.cleanup_locations: what is past retention goes, step by step, and phones go on uploading."""

from __future__ import annotations

import asyncio
import datetime
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.waiting import api_session, beside, call, deadlocks, transaction, until, until_blocked

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.waiting import Session

CALL = "call jobs.cleanup_locations()"
OLD = 25_000  # points past retention on the boundary
NEW = 500
RUN = "select rows, rows_total, ended_at, error from core.job_runs order by id desc limit 1"
TOTAL = "select count(*) from core.locations"
WAITS = "select waitstart from pg_locks where pid = $1 and waitstart is not null"
DEVICES = """
    insert into core.devices (device_id, display_name, group_id) select $1::text::uuid, 'Phone', 'group'
"""
# A point a second, from some moment on.
POINTS = """
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select $1::text::uuid, $2::timestamptz + make_interval(secs => n), 45, 13, 5 from generate_series(0, $3 - 1) n
"""


@dataclass
class Past:
    """A database whose clock, for the job, is set so that a partition lies on the boundary of the retention."""

    database: Database
    device: str
    cutoff: datetime.datetime

    async def job_session(self, session: Session) -> Session:
        """Sets the clock of a session."""
        moment = self.cutoff + datetime.timedelta(days=30)
        await session.fetchval("select set_config('pm.test_now', $1, false)", moment.isoformat())
        return session

    async def run(self) -> None:
        """Runs the job."""
        async with self.database.cluster.session(self.database.name) as session:
            await (await self.job_session(session)).execute(CALL)

    def name(self, days: int) -> str:
        """The partition so many days after the boundary's."""
        return f"core.locations_{self.cutoff + datetime.timedelta(days=days):%Y%m%d}"

    async def exists(self, days: int) -> bool:
        """Whether that partition is there."""
        return bool(await self.database.value("select to_regclass($1) is not null", self.name(days)))


@pytest_asyncio.fixture
async def past(database: Database, device_id: str) -> Past:
    """The boundary is noon of ten days ago. Around it: whole days before, points before and after it, today's."""
    noon = datetime.datetime.now(datetime.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    made = Past(database, device_id, noon - datetime.timedelta(days=10))
    async with database.cluster.session(database.name) as session:
        await session.fetch(DEVICES, device_id)
        for days in (-3, -1):
            await session.fetch(POINTS, device_id, made.cutoff + datetime.timedelta(days=days), 100)
        await session.fetch(POINTS, device_id, made.cutoff - datetime.timedelta(seconds=OLD), OLD)
        await session.fetch(POINTS, device_id, made.cutoff, NEW)
        await session.fetch(POINTS, device_id, made.cutoff + datetime.timedelta(days=9), NEW)
    return made


async def test_whole_days_are_dropped_and_the_boundary_is_exact(past: Past) -> None:
    assert await past.exists(-1)
    await past.run()
    assert not await past.exists(-3)
    assert not await past.exists(-1)
    assert await past.exists(0)
    assert await past.database.value(TOTAL) == 2 * NEW
    assert await past.database.value("select min(captured_at) from core.locations") == past.cutoff
    (run,) = await past.database.fetch(RUN)
    assert (run["rows"], run["error"]) == (OLD + 200, None)
    await past.run()
    (run,) = await past.database.fetch(RUN)
    assert (run["rows"], run["error"]) == (0, None)


async def test_points_past_retention_in_the_default_partition_go_too(past: Past) -> None:
    await past.database.execute(f"drop table {past.name(0)}; drop table {past.name(-1)}")
    async with past.database.cluster.session(past.database.name) as session:
        await session.fetch(POINTS, past.device, past.cutoff - datetime.timedelta(days=1), 50)
        await session.fetch(POINTS, past.device, past.cutoff - datetime.timedelta(seconds=50), 60)
    await past.run()
    assert await past.database.value("select count(*) from core.locations_default") == 10
    assert await past.database.value("select min(captured_at) from core.locations") == past.cutoff


async def test_last_locations_past_retention_are_cleared(past: Past) -> None:
    fields = "last_latitude, last_longitude, last_altitude, last_accuracy, last_bearing, last_speed, last_battery_level"
    async with past.database.cluster.session(past.database.name) as session:
        for name, seconds in (("late", -1), ("in-time", 0)):
            captured = past.cutoff + datetime.timedelta(seconds=seconds)
            await session.fetch(
                f"""
                insert into core.devices (device_id, display_name, group_id, last_captured_at, {fields})
                select gen_random_uuid(), $1, 'group', $2, 1, 2, 3, 4, 5, 6, 7
                """,
                name,
                captured,
            )
    before = await past.database.fetch("select * from core.devices")
    await past.run()
    after = {row["display_name"]: dict(row) for row in await past.database.fetch("select * from core.devices")}
    expected = {row["display_name"]: dict(row) for row in before}
    expected["late"] |= dict.fromkeys(["last_captured_at", *fields.split(", ")])
    assert after == expected, "and nothing else changed"
    (run,) = await past.database.fetch(RUN)
    assert run["rows"] == OLD + 200, "points count, last locations do not"


async def test_batches_are_committed_one_by_one_and_a_killed_run_loses_none(past: Past) -> None:
    """A point that somebody holds stops the job in the middle: what it did before is there for all to see."""
    late = past.cutoff - datetime.timedelta(seconds=2)
    held = f"select from {past.name(0)} where captured_at = '{late}' for update"
    async with (
        past.database.cluster.session(past.database.name) as watch,
        past.database.cluster.session(past.database.name) as session,
    ):
        job = await past.job_session(session)
        async with transaction(past.database, held) as holder, beside(job.execute(CALL)) as running:
            await until_blocked(watch, holder)
            (run,) = await past.database.fetch(RUN)
            done = run["rows"]
            assert run["ended_at"] is None
            assert 10_000 < done < OLD
            assert await past.database.value(TOTAL) == OLD + 200 + 2 * NEW - done

            async with api_session(past.database) as phone:  # nobody waits for a job that deletes
                await call(phone, "upload_location", {"device_id": past.device, **point()})

            await watch.fetchval("select pg_terminate_backend($1)", job.get_server_pid())
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await running
        assert await past.database.value(TOTAL) == OLD + 200 + 2 * NEW - done + 1
        await past.run()
    (run,) = await past.database.fetch(RUN)
    assert (run["rows"], run["rows_total"], run["error"]) == (OLD + 200 - done, OLD + 200, None)
    assert await past.database.value(TOTAL) == 2 * NEW + 1


async def test_no_batch_is_larger_than_ten_thousand(past: Past) -> None:
    async with past.database.cluster.session(past.database.name) as session:
        await past.job_session(session)
        position, handled = None, []
        while True:
            row = await session.fetchrow("select * from jobs.cleanup_locations_step($1)", position)
            assert row is not None
            handled.append(row["handled"])
            if (position := row["next_position"]) is None:
                break
    assert max(handled) <= 10_000
    assert sum(handled) == OLD + 200


async def test_a_long_reader_delays_the_drop_and_not_the_uploads(past: Past) -> None:
    """A drop needs the table alone. It waits for that a moment only, since uploads wait behind it, then tries again."""
    slowest = 0.0
    uploads = 0
    async with (
        past.database.cluster.session(past.database.name) as watch,
        past.database.cluster.session(past.database.name) as session,
        api_session(past.database) as phone,
        asyncio.TaskGroup() as tasks,
        transaction(past.database, "select count(*) from core.locations") as reader,
    ):
        job = await past.job_session(session)
        await call(phone, "register_device", registration(str(uuid.uuid4()), "group"))
        running = tasks.create_task(job.execute(CALL))
        waits: set[datetime.datetime] = set()
        while len(waits) < 3:
            waits |= {row["waitstart"] for row in await watch.fetch(WAITS, job.get_server_pid())}
            began = time.monotonic()
            await call(phone, "upload_location", {"device_id": past.device, **point(now_ms() - 1000 * uploads)})
            slowest = max(slowest, time.monotonic() - began)
            uploads += 1
        assert not running.done()
        assert await past.exists(-1)
        assert await reader.fetchval("select 1") == 1
    assert slowest < 5, "the reader had not ended by then: none of them waited for it"
    assert not await past.exists(-1)
    (run,) = await past.database.fetch(RUN)
    assert run["error"] is None
    assert await past.database.value(TOTAL) == 2 * NEW + uploads


async def test_a_drop_needs_no_lock_on_devices(past: Past) -> None:
    """Though points refer to them: an upload that does not end holds up no drop as long as its point is not stored."""
    async with transaction(past.database, "update core.devices set last_seen_at = now()"):
        await past.run()
        assert not await past.exists(-1)


async def test_a_drop_waits_for_an_upload_and_an_upload_for_a_drop_without_a_deadlock(past: Past) -> None:
    """Both lock core.locations before its partitions."""
    stop = asyncio.Event()
    sent = 0

    async def phone() -> None:
        nonlocal sent
        device = str(uuid.uuid4())
        async with api_session(past.database) as session:
            await call(session, "register_device", registration(device, "group"))
            while not stop.is_set():
                locations = [point(now_ms() - 86_400_000 * days - sent) for days in range(9)]
                await call(session, "upload_locations", {"device_id": device, "locations": locations})
                sent += 1

    async def some() -> bool:
        return sent > 50

    async with asyncio.TaskGroup() as phones:
        for _ in range(4):
            phones.create_task(phone())
        await until("some uploads", some)
        await past.run()
        stop.set()
    assert await deadlocks(past.database) == 0
    (run,) = await past.database.fetch(RUN)
    assert run["error"] is None
    assert not await past.exists(-1)
