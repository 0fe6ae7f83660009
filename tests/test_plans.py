"""What requests cost does not grow with the points that are stored: no plan reads points, or days, that it need not."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.waiting import call

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.waiting import Session

DEVICES = 2_000
POINTS = 100_000
DAYS = 5  # so that a day has enough points that reading them all is no good plan
TIMES = 7  # a session plans a statement anew five times before it may settle for one plan
DEVICE = "md5('phone ' || n)::uuid"
FILL_DEVICES = f"""
    insert into core.devices (device_id, display_name, group_id)
    select {DEVICE}, 'Phone ' || n, 'group-' || n / 20 from generate_series(0, {DEVICES - 1}) n
"""
FILL_POINTS = f"""
    set session_replication_role = replica;
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select md5('phone ' || n % {DEVICES})::uuid, now() - n * interval '{DAYS} days' / {POINTS}, 45, 13, 5
    from generate_series(1, {POINTS}) n;
    reset session_replication_role
"""
SEQUENTIAL = """
    select t.relname, t.seq_scan
    from pg_stat_user_tables t
    join pg_class c on c.oid = t.relid
    where t.schemaname = 'core' and (t.relname = 'devices' or t.relname ~ '^locations_' and c.relpages > 80)
"""
BY_INDEX = (
    "select relname, idx_scan from pg_stat_user_tables where schemaname = 'core' and relname ~ '^locations_[0-9]+$'"
)


@pytest_asyncio.fixture(scope="module")
async def filled(module_database: Database) -> Database:
    """Devices with points on a few days."""
    await module_database.execute(FILL_DEVICES)
    await module_database.execute(FILL_POINTS)
    await module_database.execute("vacuum analyze")
    return module_database


async def counters(session: Session, query: str) -> dict[str, int]:
    """Statistics, with all that this session did."""
    await session.execute("select pg_stat_force_next_flush()")
    return {row[0]: row[1] for row in await session.fetch(query)}


async def changed(session: Session, query: str, before: dict[str, int]) -> set[str]:
    """The tables whose counter has grown."""
    return {table for table, number in (await counters(session, query)).items() if number != before[table]}


async def phones(session: Session, first: int, count: int = TIMES) -> list[str]:
    """Ids of devices with points."""
    rows = await session.fetch(f"select {DEVICE}::text from generate_series($1::int, $2) n", first, first + count - 1)
    return [row[0] for row in rows]


async def pages_of_listing(session: Session) -> int:
    """How many pages of 8 KiB the listing of a group of 20 reads."""
    for _ in range(TIMES):
        await call(session, "list_devices", {"group_id": "group-7"})
    told = await session.fetchval(
        """explain (analyze, buffers, format json) select api.list_devices('{"group_id": "group-7"}')"""
    )
    plan: dict[str, Any] = orjson.loads(told)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_a_listing_reads_as_much_with_many_points_as_with_none(database: Database) -> None:
    await database.execute(FILL_DEVICES)
    await database.execute("vacuum analyze")
    async with database.cluster.session(database.name) as session:
        none = await pages_of_listing(session)
    await database.execute(FILL_POINTS)
    await database.execute("vacuum analyze")
    async with database.cluster.session(database.name) as session:
        assert await pages_of_listing(session) == none
        assert none < 20, "a page for each device at most, and the index"


async def test_no_request_reads_all_points_of_a_day_or_all_devices(filled: Database) -> None:
    async with filled.cluster.session(filled.name) as session:
        before = await counters(session, SEQUENTIAL)
        assert len(before) >= DAYS + 1
        await session.fetchval("select count(*) from core.locations")
        assert await changed(session, SEQUENTIAL, before) == set(before) - {"devices"}, "this would be noticed"

        before = await counters(session, SEQUENTIAL)
        for number, device in enumerate(await phones(session, 100)):
            await call(session, "register_device", registration(device, f"group-{100 // 20}"))
            await call(session, "list_devices", {"group_id": f"group-{number}"})
            await call(session, "upload_location", {"device_id": device, **point()}, {})
            await call(
                session, "upload_locations", {"device_id": device, "locations": [point(now_ms() - 90_000_000)]}, {}
            )
            single = orjson.dumps({"device_id": device, **point(now_ms() - 1000)}).decode()
            await session.fetch("select * from api.upload_location_many(array[$1::jsonb])", single)
            await call(session, "begin_export", {"device_id": device}, {})
            await call(session, "export_head", {"device_id": device})
            page = await call(session, "export_page", {"device_id": device})
            assert page["points"] > POINTS // DEVICES
            await call(session, "deactivate_device", {"device_id": device})
            await call(session, "erase_device", {"device_id": device}, {})
        assert await changed(session, SEQUENTIAL, before) == set()
        assert await session.fetchval("select count(*) from core.locations") == POINTS - TIMES * POINTS // DEVICES


async def test_days_that_a_request_is_not_about_are_not_touched(filled: Database) -> None:
    today = datetime.datetime.now(datetime.UTC)
    yesterday = today - datetime.timedelta(days=1)
    async with filled.cluster.session(filled.name) as session:
        (device, *_) = await phones(session, 200)

        before = await counters(session, BY_INDEX)
        for number in range(TIMES):
            moment = int(today.timestamp() * 1000) - number
            await call(session, "upload_location", {"device_id": device, **point(moment)}, {})
        assert await changed(session, BY_INDEX, before) <= {f"locations_{day:%Y%m%d}" for day in (yesterday, today)}

        before = await counters(session, BY_INDEX)
        for _ in range(TIMES):
            request = orjson.dumps({"device_id": device}).decode()
            page = await session.fetchrow("select * from api.export_page($1, $2)", request, yesterday)
            assert page is not None
            assert page["points"] > TIMES
        assert min(await changed(session, BY_INDEX, before)) >= f"locations_{yesterday:%Y%m%d}"

        before = await counters(session, BY_INDEX)
        await call(session, "export_page", {"device_id": device})
        assert min(await changed(session, BY_INDEX, before)) < f"locations_{yesterday:%Y%m%d}", "this reads them all"


async def test_a_step_of_a_job_reads_what_it_removes(database: Database) -> None:
    await database.create_key()
    await database.execute(f"""
        insert into core.devices (device_id, display_name, group_id)
        select {DEVICE}, 'Phone', 'family' from generate_series(1, 1) n;
        insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
        select k.id, '', sha256(int4send(n)), sha256(''), d.device_id, '{{}}', now() - (50000 - n) * interval '1 minute'
        from core.api_keys k, core.devices d, generate_series(1, 40000) n;
        insert into core.audit_log (action, resource_type, created_at)
        select 'erase_device', 'device', now() - (300000 - n) * interval '1 minute' from generate_series(1, 40000) n
    """)
    await database.execute("vacuum analyze")
    tables = "select relname, seq_scan from pg_stat_user_tables where relname in ('idempotency_keys', 'audit_log')"
    async with database.cluster.session(database.name) as session:
        before = await counters(session, tables)
        assert len(before) == 2
        for job in ("cleanup_idempotency_keys", "cleanup_audit_log"):
            for _ in range(2):
                step = await session.fetchrow(f"select * from jobs.{job}_step('{{}}')")
                assert step is not None
                assert step["handled"] == 10_000
        assert await changed(session, tables, before) == set()
