"""What was answered 200 is there after a SIGKILL of PostgreSQL or of the API, in the middle of uploads.

The cluster runs with fsync off. That is no loss here: what a killed process has written is safe in the operating
system, which lives on. What counts is that COMMIT had written it, which a commit that does not wait would not have.
"""

from __future__ import annotations

import asyncio
import random
import signal
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio

from tests.cluster import TEMPLATE, Database, clone
from tests.conftest import now_ms, point
from tests.own_cluster import OwnCluster, operate, own_cluster
from tests.server import serve
from tests.waiting import api_session, call, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PHONES = 16
UPLOADS = 30  # of a phone
BATCH = 12
STORED = "select device_id::text as id, (extract(epoch from captured_at) * 1000)::bigint as ms from core.locations"
SESSIONS = (
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'phone-manager'"
)


@dataclass
class Upload:
    """A request, and what became of it."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    points: set[tuple[str, int]]
    acknowledged: bool = False


@dataclass
class Fleet:
    """Phones that upload until all their points are acknowledged, or the server is gone for good."""

    uploads: list[list[Upload]]
    failures: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def acknowledged(self) -> list[Upload]:
        """Uploads that were answered 200."""
        return [upload for line in self.uploads for upload in line if upload.acknowledged]

    async def until_acknowledged(self, count: int) -> None:
        """Waits for so many answers."""

        async def enough() -> bool:
            return len(self.acknowledged()) >= count

        await until(f"{count} acknowledged uploads", enough)

    async def until_failed(self, more: int) -> None:
        """Waits for so many more failures."""
        goal = self.failures + more

        async def enough() -> bool:
            return self.failures >= goal

        await until(f"{more} failed uploads", enough)

    async def run(self, client: httpx.AsyncClient) -> None:
        """Sends all."""
        await asyncio.gather(*(self._phone(client, line) for line in self.uploads))

    async def _phone(self, client: httpx.AsyncClient, line: list[Upload]) -> None:
        for upload in line:
            while not upload.acknowledged and not self.stop.is_set():
                try:
                    answer = await client.post(upload.path, json=upload.body, headers=upload.headers)
                except httpx.TransportError:
                    self.failures += 1
                else:
                    upload.acknowledged = answer.status_code == 200
                    assert answer.status_code in (200, 503), answer.text
                    self.failures += not upload.acknowledged
                if not upload.acknowledged:
                    await asyncio.sleep(0.02)


async def fleet(database: Database) -> Fleet:
    """Phones of one group, with singles and batches to send, half of them with idempotency keys."""
    rows = await database.fetch(
        """
        insert into core.devices (device_id, display_name, group_id)
        select gen_random_uuid(), 'Phone', 'fleet-' || substr(gen_random_uuid()::text, 1, 8) from generate_series(1, $1)
        returning device_id::text as id
        """,
        PHONES,
    )
    return Fleet([[upload(row["id"], number) for number in range(UPLOADS)] for row in rows])


def upload(device: str, number: int) -> Upload:
    """One of a phone's uploads; no two have a point in common."""
    start = now_ms() - 3_600_000 + number * 60_000
    stamps = [start + second * 1000 for second in range(random.choice((1, BATCH)))]
    locations = [point(stamp) for stamp in stamps]
    body = {"device_id": device, **(locations[0] if len(stamps) == 1 else {"locations": locations})}
    return Upload(
        "/api/v1/locations" if len(stamps) == 1 else "/api/v1/locations/batch",
        body,
        {"Idempotency-Key": str(uuid.uuid4())} if random.random() < 0.5 else {},
        {(device, stamp) for stamp in stamps},
    )


async def stored(database: Database) -> list[tuple[str, int]]:
    """All points that are there."""
    return [(row["id"], row["ms"]) for row in await database.fetch(STORED)]


@pytest_asyncio.fixture(scope="module")
async def crash_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster to kill, with the template that databases are cloned from."""
    async with own_cluster(tmp_path_factory.mktemp("crash") / "cluster") as cluster:
        await cluster.create(TEMPLATE, "template0")
        install = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "sql/install.sql")
        (await operate(cluster, TEMPLATE, *install)).succeeded()
        yield cluster


@pytest_asyncio.fixture
async def database(crash_cluster: OwnCluster) -> AsyncIterator[Database]:
    """A database of the test's own in that cluster."""
    async with clone(crash_cluster) as cloned:
        yield cloned


@pytest.mark.parametrize("killed", ["everything", "one backend"])
async def test_sigkill_of_postgresql_loses_nothing_that_was_acknowledged(
    crash_cluster: OwnCluster, database: Database, tmp_path: Path, killed: str
) -> None:
    phones = await fleet(database)
    key = await database.create_key()
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(phones.run(client))
        await phones.until_acknowledged(100)
        if killed == "everything":
            crash_cluster.kill()
            await phones.until_failed(PHONES)  # the server answers 503, and lives on
            await crash_cluster.start()
        else:  # PostgreSQL then ends all sessions, and recovers by itself
            backend = await database.value(
                "select pid from pg_stat_activity where application_name = 'phone-manager' limit 1"
            )
            crash_cluster.kill_process(backend)
            await phones.until_failed(1)
        await running
        assert server.process.returncode is None

        expected = {sent for line in phones.uploads for upload in line for sent in upload.points}
        found = await stored(database)
        assert len(found) == len(set(found))
        assert set(found) == expected, "acknowledged points were not sent again: they survived"
        # The answers survived with the points.
        for sent in random.sample([upload for upload in phones.acknowledged() if upload.headers], 20):
            again = await client.post(sent.path, json=sent.body, headers=sent.headers)
            assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, "true")
        assert len(await stored(database)) == len(expected)
        statuses = {line["status"] for line in server.log_lines if line["target"] == "app.access"}
        assert statuses <= {200, 503, None}


async def test_sigkill_of_the_api_leaves_whole_uploads_only(database: Database, tmp_path: Path) -> None:
    phones = await fleet(database)
    key = await database.create_key()
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(phones.run(client))
        await phones.until_acknowledged(100)
        assert await server.stop(signal.SIGKILL) == -signal.SIGKILL
        await phones.until_failed(PHONES)
        phones.stop.set()
        await running

        async def no_session() -> bool:
            return int(await database.value(SESSIONS)) == 0

        await until("the end of the killed server's sessions", no_session)
        found = set(await stored(database))
        for line in phones.uploads:
            for upload in line:
                there = upload.points & found
                assert there == upload.points if upload.acknowledged else there in (set(), upload.points)

    phones.stop.clear()
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client:
        await phones.run(client)
    found_at_last = await stored(database)
    assert len(found_at_last) == len(set(found_at_last))
    assert set(found_at_last) == {sent for line in phones.uploads for upload in line for sent in upload.points}


async def test_an_upload_waits_for_the_disk_though_an_admission_does_not(database: Database, device_id: str) -> None:
    await database.call("register_device", {"device_id": device_id, "display_name": "Phone", "group_id": "group"})
    key = await database.create_key(rate_limit=5)
    admit = "select admitted from api.admit(sha256(convert_to($1, 'UTF8')))"
    async with api_session(database) as session:

        async def waits() -> bool:
            return bool(await session.fetchval("select current_setting('synchronous_commit') = 'on'"))

        assert await waits()
        async with session.transaction():
            assert await session.fetchval(admit, key) == 1
            assert not await waits()
        assert await waits()
        assert await session.fetchval(admit, key) == 1
        assert await waits()
        async with session.transaction():
            await call(session, "upload_location", {"device_id": device_id, **point()})
            assert await waits()
            await call(session, "upload_locations", {"device_id": device_id, "locations": [point(now_ms() - 1000)]})
            assert await waits()
