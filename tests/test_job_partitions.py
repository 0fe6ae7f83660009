"""jobs.ensure_partitions: points find the partition of their day, or come home to it, while phones go on uploading."""

from __future__ import annotations

import asyncio
import datetime
import random
import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.waiting import api_session, call, deadlocks, transaction, until, until_blocked

if TYPE_CHECKING:
    from tests.cluster import Database

CALL = "call jobs.ensure_partitions()"
DAY_MS = 86_400_000
PARTITIONS = """
    select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds, pg_get_userbyid(c.relowner) as owner
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'core.locations'::regclass and c.relname <> 'locations_default' order by c.relname
"""
RUN = "select rows, ended_at, error from core.job_runs order by id desc limit 1"
WAITS = "select waitstart from pg_locks where pid = $1 and waitstart is not null"
IN_DEFAULT = "select count(*) from core.locations_default"


@pytest_asyncio.fixture(autouse=True)
async def one_day() -> None:
    """No test begins on one day and ends on the next."""
    tomorrow = (now_ms() // DAY_MS + 1) * DAY_MS
    if (left := (tomorrow - now_ms()) / 1000) < 30:
        await asyncio.sleep(left)


def partition(days_ago: int) -> str:
    """The name of the partition of a day."""
    day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days_ago)
    return f"locations_{day:%Y%m%d}"


async def names(database: Database) -> list[str]:
    """The partitions of days."""
    return [row["name"] for row in await database.fetch(PARTITIONS)]


async def drop_partitions(database: Database, *days_ago: int) -> None:
    """As if the job had not run when these days were new."""
    await database.execute("".join(f"drop table core.{partition(days)};" for days in days_ago))


async def make_device(database: Database, device_id: str) -> str:
    """A registered device."""
    await database.call("register_device", registration(device_id, "group"))
    return device_id


async def upload(database: Database, device: str, days_ago: float) -> None:
    """A point of some days ago, not before its retention."""
    await database.call("upload_location", {"device_id": device, **point(now_ms() - int(days_ago * DAY_MS))})


async def last_locations(database: Database) -> dict[str, int | None]:
    """How many days ago the last location of each listed device was captured."""
    devices = (await database.call("list_devices", {"group_id": "group"}))["devices"]
    return {device["device_id"]: days_since(device["last_location"]) for device in devices}


def days_since(location: dict[str, str] | None) -> int | None:
    """How many days ago a location was captured."""
    if location is None:
        return None
    captured = datetime.datetime.fromisoformat(location["timestamp"])
    return round((datetime.datetime.now(datetime.UTC) - captured) / datetime.timedelta(days=1))


async def test_there_is_a_partition_for_each_day_of_the_retention_and_a_week_ahead(database: Database) -> None:
    await drop_partitions(database, -7, 0, 29)
    await database.execute(CALL)
    rows = await database.fetch(PARTITIONS)
    assert {row["name"] for row in rows} >= {partition(days) for days in range(30, -8, -1)}
    for row in rows:
        day = datetime.datetime.strptime(row["name"], "locations_%Y%m%d").replace(tzinfo=datetime.UTC)
        following = day + datetime.timedelta(days=1)
        assert (
            row["bounds"] == f"FOR VALUES FROM ('{day:%Y-%m-%d} 00:00:00+00') TO ('{following:%Y-%m-%d} 00:00:00+00')"
        )
        assert row["owner"] == "pm_owner"


async def test_points_move_home_while_phones_upload(database: Database) -> None:
    """Each upload succeeds, whatever moment of the job it meets; each point is there once, in its day's partition."""
    days = range(8)
    await drop_partitions(database, *days)
    sent: list[tuple[str, int]] = []
    stop = asyncio.Event()

    async def phone(number: int) -> None:
        device = await make_device(database, str(uuid.uuid4()))
        async with api_session(database) as session:
            while not stop.is_set():
                stamp = now_ms() - random.choice(days) * DAY_MS - random.randrange(3_600_000)
                if number % 2:
                    await call(session, "upload_location", {"device_id": device, **point(stamp)})
                    sent.append((device, stamp))
                else:
                    locations = [point(stamp - second) for second in range(10)]
                    await call(session, "upload_locations", {"device_id": device, "locations": locations})
                    sent.extend((device, stamp - second) for second in range(10))

    async def arrived(count: int) -> None:
        async def enough() -> bool:
            return len(sent) >= count

        await until(f"{count} points", enough)

    async with asyncio.TaskGroup() as phones:
        for number in range(8):
            phones.create_task(phone(number))
        await arrived(1000)
        before = await database.value(IN_DEFAULT)
        await database.execute(CALL)
        await arrived(len(sent) + 200)
        stop.set()

    assert await deadlocks(database) == 0
    assert before > 0
    assert await database.value(IN_DEFAULT) == 0
    (run,) = await database.fetch(RUN)
    assert run["error"] is None
    assert run["rows"] >= before
    rows = await database.fetch(
        """
        select device_id::text as id, (extract(epoch from captured_at) * 1000)::bigint as ms,
            tableoid = ('core.locations_' || to_char(captured_at at time zone 'UTC', 'YYYYMMDD'))::regclass as at_home
        from core.locations
        """
    )
    assert all(row["at_home"] for row in rows)
    assert sorted((row["id"], row["ms"]) for row in rows) == sorted(set(sent))


async def test_a_changed_retention_takes_effect(database: Database, device_id: str) -> None:
    device = await make_device(database, device_id)
    late = await make_device(database, str(uuid.uuid4()))
    await upload(database, late, 10)
    for days in (3, 10, 29):
        await upload(database, device, days)

    await database.execute("select admin.set_setting('location_retention_days', 7)")
    assert await last_locations(database) == {device: 3, late: None}, "at once"
    await database.execute(CALL)
    await database.execute("call jobs.cleanup_locations()")
    assert await names(database) == [partition(days) for days in range(7, -8, -1)]
    assert await database.value("select count(*) from core.locations") == 1
    assert await database.value("select count(last_captured_at) from core.devices") == 1, "the other was cleared"
    with pytest.raises(asyncpg.PostgresError) as refused:
        await upload(database, device, 8)
    assert refused.value.sqlstate == "PT400"

    await database.execute("select admin.set_setting('location_retention_days', 90)")
    await upload(database, device, 60)
    assert await database.value(IN_DEFAULT) == 1
    await database.execute(CALL)
    await upload(database, device, 80)
    await upload(database, late, 70)
    assert await last_locations(database) == {device: 3, late: 70}
    assert await names(database) == [partition(days) for days in range(90, -8, -1)]
    assert await database.value(IN_DEFAULT) == 0
    assert await database.value("select count(*) from core.locations") == 4


async def test_a_detached_partition_is_left_alone_and_keeps_no_other_from_being_made(
    database: Database, device_id: str
) -> None:
    await drop_partitions(database, 20)
    await database.execute(f"alter table core.locations detach partition core.{partition(2)}")
    await upload(database, await make_device(database, device_id), 2)
    await database.execute(CALL)
    assert partition(20) in await names(database)
    assert await database.value(IN_DEFAULT) == 1, "points of its day have the default partition"
    await database.call("prepare", {})

    await database.execute(f"drop table core.{partition(2)}")
    await database.execute(CALL)
    assert await database.value(IN_DEFAULT) == 0
    assert await database.value(f"select count(*) from core.{partition(2)}") == 1


async def test_an_instance_that_starts_makes_what_can_be_made_at_once(database: Database, device_id: str) -> None:
    await drop_partitions(database, 1, 2, 3)
    await upload(database, await make_device(database, device_id), 2)
    await database.call("prepare", {})
    assert partition(1) in await names(database)
    assert partition(2) not in await names(database), "moving points is left to the job"
    assert partition(3) in await names(database)


async def test_busy_tables_keep_an_instance_from_nothing_and_the_job_tries_again(
    database: Database, device_id: str
) -> None:
    """An upload that does not end holds both up: the instance leaves it to the job, which goes on when it can."""
    device = await make_device(database, device_id)
    await drop_partitions(database, 1, 2)
    uploading = f"update core.devices set last_seen_at = now() where device_id = '{device}'"
    async with (
        database.cluster.session(database.name) as watch,
        database.cluster.session(database.name) as job,
        asyncio.TaskGroup() as tasks,
        transaction(database, uploading) as holder,
    ):
        await database.call("prepare", {})
        assert partition(1) not in await names(database)

        running = tasks.create_task(job.execute(CALL))
        other = await make_device(database, str(uuid.uuid4()))
        waits: set[datetime.datetime] = set()
        while len(waits) < 3:  # it waits, gives way, and waits anew
            await until_blocked(watch, holder)
            waits |= {row["waitstart"] for row in await watch.fetch(WAITS, job.get_server_pid())}
            await upload(database, other, len(waits) / 24)
        assert not running.done()
    assert {partition(1), partition(2)} <= set(await names(database))
