"""Phones that go on uploading whatever happens to the service, and what must be true of it at any moment."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.conftest import now_ms, point, registration
from tests.contract import check_any_problem
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.balancer import Balancer
    from tests.cluster import Database
    from tests.server import Server

    Place = tuple[float, float]

BATCH = 12
REST_SECONDS = 0.02  # of a phone between two requests
SHORT_SECONDS = 0.005  # of a phone that has failed: it is in a hurry, so that the test sees much of the fault

# No request may take longer. The server's limit is 30 s, or what the test has set.
HUNG_SECONDS = 45

STORED = """
    select device_id::text as id, (extract(epoch from captured_at) * 1000)::bigint as ms, latitude, longitude
    from core.locations
"""
WRONG_LAST_LOCATIONS = """
    select d.device_id from core.devices d
    left join lateral (
        select l.* from core.locations l where l.device_id = d.device_id order by l.captured_at desc limit 1
    ) l on true
    where (d.last_captured_at, d.last_latitude, d.last_longitude)
        is distinct from (l.captured_at, l.latitude, l.longitude)
"""
OVERFULL = "select group_id from core.devices where active group by group_id having count(*) > 20"
LEFT_LOCKS = """
    select locktype, mode from pg_locks l
    where l.database = (select oid from pg_database where datname = current_database()) and l.pid <> pg_backend_pid()
"""


@dataclass
class Upload:
    """A request, and what became of it."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    points: dict[tuple[str, int], Place]
    answer: bytes | None = None
    """That of 200, once there is one."""


@dataclass
class Fleet:
    """Phones: some upload, others join and leave a group that is nearly full."""

    server: Server | Balancer
    api_key: str
    devices: list[str]
    uploads: list[Upload] = field(default_factory=list)
    members: dict[str, bool] = field(default_factory=dict)
    """Devices that joined; whether they are still in."""
    statuses: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    allowed: tuple[int, ...] = (503,)
    """The errors that phones may see, beside broken connections."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lets them loose for as long as the block lasts; then each sends its last request until it is acknowledged."""
        async with (
            self.server.client(self.api_key) as client,
            self.server.client(self.api_key) as newcomers,
            asyncio.TaskGroup() as tasks,
        ):
            for each in (client, newcomers):
                each.timeout = httpx.Timeout(HUNG_SECONDS)
            for device in self.devices:
                tasks.create_task(self._upload(client, device))
            for _ in range(2):
                tasks.create_task(self._join_and_leave(newcomers))
            try:
                yield
            finally:
                self.stopped.set()
        self.stopped.clear()

    def acknowledged(self) -> list[Upload]:
        """Uploads that were answered 200."""
        return [upload for upload in self.uploads if upload.answer is not None]

    async def until_acknowledged(self, more: int) -> None:
        """Waits for so many more answers."""
        goal = self.statuses[200] + more

        async def enough() -> bool:
            return self.statuses[200] >= goal

        await until(f"{more} acknowledged requests", enough, 60)

    async def until_failed(self, more: int = 1) -> None:
        """Waits for so many more failures."""
        goal = self.failures + more

        async def enough() -> bool:
            return self.failures >= goal

        await until(f"{more} failed requests", enough, 60)

    async def check(self, database: Database) -> None:
        """What must be true at any moment, also while the phones go on."""
        acknowledged = self.acknowledged()
        rows = await database.fetch(STORED)
        stored = {(row["id"], row["ms"]): (row["latitude"], row["longitude"]) for row in rows}
        assert len(stored) == len(rows), "no point is there twice"
        sent = {key: place for upload in self.uploads for key, place in upload.points.items()}
        assert stored.items() <= sent.items(), "nothing is there that was not sent"
        lost = [upload for upload in acknowledged if not upload.points.keys() <= stored.keys()]
        assert not lost, f"{len(lost)} acknowledged uploads are lost"
        for upload in self.uploads:
            assert len(upload.points.keys() & stored.keys()) in (0, len(upload.points)), "an upload is there or not"
        assert await database.fetch(WRONG_LAST_LOCATIONS) == []
        assert await database.fetch(OVERFULL) == []

    async def check_at_rest(self, database: Database) -> None:
        """What must be true when all phones have sent all, and the server has ended."""
        await self.check(database)
        assert len(self.acknowledged()) == len(self.uploads)
        active = await database.fetch("select device_id::text as id, active from core.devices")
        assert {row["id"]: row["active"] for row in active if row["id"] in self.members} == self.members

        async with database.cluster.session(database.name) as session:
            jobs = await session.fetch("select distinct job_name from core.job_runs")
            for job in jobs:
                await session.execute(f"call jobs.{job['job_name']}()")
        assert await database.value("select count(*) from core.job_runs where ended_at is null") == 0

        async def no_lock() -> bool:
            return await database.fetch(LEFT_LOCKS) == []

        await until("the end of all locks", no_lock)

    async def check_replays(self, most: int = 20) -> None:
        """Idempotent uploads that were acknowledged are answered as they were."""
        keyed = [upload for upload in self.acknowledged() if upload.headers]
        async with self.server.client(self.api_key) as client:
            for upload in random.sample(keyed, min(most, len(keyed))):
                await self._repeat(client, upload)

    async def _upload(self, client: httpx.AsyncClient, device: str) -> None:
        stamp = now_ms() - 86_400_000
        while not self.stopped.is_set():
            upload = _upload(device, stamp)
            stamp += 60_000
            self.uploads.append(upload)
            answer = await self._send(client, "POST", upload.path, upload.body, upload.headers)
            assert answer.status_code == 200, answer.text
            upload.answer = answer.content
            assert answer.json()["processed_count"] == len(upload.points)
            if random.random() < 0.1:  # as if the answer had been lost
                await self._repeat(client, upload)

    async def _repeat(self, client: httpx.AsyncClient, upload: Upload) -> None:
        answer = await self._send(client, "POST", upload.path, upload.body, upload.headers)
        if upload.headers:
            assert (answer.content, answer.headers["Idempotent-Replayed"]) == (upload.answer, "true")
        else:
            assert answer.json()["duplicate_count"] == len(upload.points)

    async def _join_and_leave(self, client: httpx.AsyncClient) -> None:
        while not self.stopped.is_set():
            device = str(uuid.uuid4())
            answer = await self._send(client, "POST", "/api/v1/devices/register", registration(device, "newcomers"))
            if answer.status_code == 200:
                self.members[device] = True
            elif there := [member for member, active in self.members.items() if active]:
                assert answer.status_code == 409, answer.text
                leaving = random.choice(there)
                self.members[leaving] = False
                await self._send(client, "DELETE", f"/api/v1/devices/{leaving}")

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Sends a request until it is answered with something other than a failure of the service."""
        while True:
            await asyncio.sleep(REST_SECONDS)
            try:
                answer = await client.request(method, path, json=body, headers=headers)
            except httpx.TimeoutException:
                raise AssertionError(f"{method} {path} hung") from None
            except httpx.TransportError:
                self.failures += 1
            else:
                self.statuses[answer.status_code] += 1
                if answer.status_code < 500 and answer.status_code not in self.allowed:
                    return answer
                self.failures += 1
                check_any_problem(answer)
                assert answer.status_code in self.allowed, answer.text
            await asyncio.sleep(SHORT_SECONDS)


async def fleet(
    database: Database, server: Server | Balancer, phones: int = 12, allowed: tuple[int, ...] = (503,)
) -> Fleet:
    """Phones of one group, with singles and batches to send, half of them with idempotency keys."""
    rows = await database.fetch(
        """
        insert into core.devices (device_id, display_name, group_id)
        select gen_random_uuid(), 'Phone', 'fleet' from generate_series(1, $1)
        returning device_id::text as id
        """,
        phones,
    )
    return Fleet(server, await database.create_key(), [row["id"] for row in rows], allowed=allowed)


def _upload(device: str, start: int) -> Upload:
    """One of a phone's uploads; no two have a point in common. Every other comes before some that was sent already."""
    stamps = [start + second * 1000 for second in range(random.choice((1, 1, BATCH)))]
    stamps = [stamp - random.choice((0, 43_200_000)) for stamp in stamps[:1]] if len(stamps) == 1 else stamps
    locations = [
        point(stamp, latitude=random.uniform(-90, 90), longitude=random.uniform(-180, 180)) for stamp in stamps
    ]
    alone = len(locations) == 1
    return Upload(
        "/api/v1/locations" if alone else "/api/v1/locations/batch",
        {"device_id": device, **(locations[0] if alone else {"locations": locations})},
        {"Idempotency-Key": str(uuid.uuid4())} if random.random() < 0.5 else {},
        {(device, each["timestamp"]): (each["latitude"], each["longitude"]) for each in locations},
    )
