"""Jobs that did not run for ten days: no upload fails, and the next run puts everything in its place."""

from __future__ import annotations

import asyncio
import datetime
import random
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import point, registration
from tests.waiting import call, deadlocks, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.waiting import Session

DAY = datetime.timedelta(days=1)
DAY_MS = 86_400_000
OUTAGE = 10
PHONES = 4
JOBS = ("ensure_partitions", "cleanup_locations")
STORED = """
    select device_id::text as id, (extract(epoch from captured_at) * 1000)::bigint as ms,
        tableoid = ('core.locations_' || to_char(captured_at at time zone 'UTC', 'YYYYMMDD'))::regclass as at_home
    from core.locations
"""
PARTITIONS = """
    select right(inhrelid::regclass::text, 8) as day from pg_inherits
    where inhparent = 'core.locations'::regclass and inhrelid <> 'core.locations_default'::regclass order by 1
"""
ERRORS = "select distinct error from core.job_runs"


@asynccontextmanager
async def session_at(database: Database, moment: datetime.datetime) -> AsyncIterator[Session]:
    """A session whose clock shows that moment."""
    async with database.cluster.session(database.name) as session:
        await session.execute(f"set pm.test_now = '{moment}'")
        yield session


class Phone:
    """A phone that uploads in batches, and remembers what was acknowledged."""

    def __init__(self) -> None:
        self.device = str(uuid.uuid4())
        self.sent: set[int] = set()

    async def register(self, session: Session) -> None:
        """Joins a group."""
        await call(session, "register_device", registration(self.device, "group"))

    async def upload(self, session: Session, stamps: list[int]) -> None:
        """Sends points, and some of the last ones again."""
        again = random.sample(sorted(self.sent)[-20:], min(len(self.sent), 5))
        locations = [point(stamp) for stamp in stamps + again]
        await call(session, "upload_locations", {"device_id": self.device, "locations": locations})
        self.sent.update(stamps)


@pytest.mark.parametrize("order", [JOBS, JOBS[::-1]], ids=" then ".join)
async def test_ten_days_without_jobs_lose_nothing(database: Database, order: tuple[str, str]) -> None:
    phones = [Phone() for _ in range(PHONES)]
    begin = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    end = begin + OUTAGE * DAY
    async with session_at(database, begin) as session:
        for phone in phones:
            await phone.register(session)

    for number in range(OUTAGE + 1):
        moment = begin + number * DAY
        now = int(moment.timestamp() * 1000)
        async with session_at(database, moment) as session:
            for phone in phones:  # of this day, of the days before, and from just within the retention
                await phone.upload(session, [now - random.randrange(DAY_MS) for _ in range(20)])
                await phone.upload(session, [now - random.randrange(29 * DAY_MS) for _ in range(10)])
                await phone.upload(session, [now - 30 * DAY_MS, now - 30 * DAY_MS + 1, now + 60_000])
    assert await database.value("select count(*) from core.locations_default") > PHONES * 20

    stop = asyncio.Event()
    uploads = 0

    async def go_on(phone: Phone) -> None:
        nonlocal uploads
        now = int(end.timestamp() * 1000)
        async with session_at(database, end) as session:
            while not stop.is_set():
                await phone.upload(session, [now - random.randrange(10 * DAY_MS) for _ in range(5)])
                uploads += 1

    async def twenty() -> bool:
        return uploads >= 20

    async with asyncio.TaskGroup() as tasks, session_at(database, end) as session:
        for phone in phones:
            tasks.create_task(go_on(phone))
        await until("uploads", twenty)
        for job in order:
            await session.execute(f"call jobs.{job}()")
        stop.set()

    assert await deadlocks(database) == 0
    assert [row["error"] for row in await database.fetch(ERRORS)] == [None]
    rows = await database.fetch(STORED)
    assert all(row["at_home"] for row in rows)
    cutoff = int(end.timestamp() * 1000) - 30 * DAY_MS
    expected = [(phone.device, stamp) for phone in phones for stamp in phone.sent if stamp >= cutoff]
    assert len(expected) < sum(len(phone.sent) for phone in phones), "some are past their retention by now"
    assert sorted((row["id"], row["ms"]) for row in rows) == sorted(expected)
    days = [row["day"] for row in await database.fetch(PARTITIONS)]
    assert days == [f"{end + offset * DAY:%Y%m%d}" for offset in range(-30, 8)]
