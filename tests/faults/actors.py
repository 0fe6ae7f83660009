"""What phones, operators and jobs do to a database, each at random and as often as they can."""

from __future__ import annotations

import random
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

from tests.conftest import now_ms, point, registration
from tests.waiting import call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.waiting import Session

GROUPS = 3
LASTING = 50  # devices that nobody erases: all their acknowledged points must be there
FLEETING = 20
DAYS = 28
LOCK_TIMEOUT = "set lock_timeout = '50ms'"  # as jobs.run sets it
EXPIRED_POINT = """
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select d.device_id, date_trunc('day', now()) - make_interval(hours => 24 * $2::integer - 12), 1, 2, 3
    from core.devices d where d.device_id = $1
    on conflict do nothing
"""
LOCK_DEVICES = (
    "lock table core.devices in row exclusive mode"  # as an upload does first, which keeps partitions as they are
)
CREATE_PARTITION = "select core.create_partition((now() at time zone 'UTC')::date - $1::integer)"
CLEANUP_STEP = "select next_position from jobs.cleanup_locations_step($1)"
ONE_RUN = "select pg_advisory_lock(hashtextextended('job: cleanup_locations', 0))"  # as jobs.begin_run
END_RUN = "select pg_advisory_unlock_all()"
PREPARE = "select api.prepare('{}')"
AGE = """
    update core.devices set updated_at = now() - interval '2 days'
    where not active and device_id = any($1::uuid[])
"""
ADMIT = "select * from api.admit($1, 'default', $2, $3, $4)"

# How an action may fail: the business says no, or a job gives way to others.
REFUSALS = ("PT401", "PT404", "PT409", "PT422", "40001", "55P03")


@dataclass
class World:
    """Who is there, and what was acknowledged to them."""

    lasting: list[str] = field(default_factory=lambda: [str(uuid.uuid4()) for _ in range(LASTING)])
    fleeting: list[str] = field(default_factory=lambda: [str(uuid.uuid4()) for _ in range(FLEETING)])
    keys: list[tuple[int, str]] = field(default_factory=list)
    acknowledged: set[tuple[str, int]] = field(default_factory=set)
    start: int = field(default_factory=now_ms)
    actions: dict[str, int] = field(default_factory=dict)
    retries: int = 0

    def device(self) -> str:
        """Any device."""
        return random.choice(self.lasting + self.fleeting)

    def group(self) -> str:
        """Any group."""
        return f"group-{random.randrange(GROUPS)}"

    def points(self, count: int) -> list[dict[str, Any]]:
        """Different points of the last weeks; there are few times, so that the same are sent again and again."""
        numbers = random.sample(range(DAYS * 24), count)
        return [point(self.start - 3_600_000 * number, latitude=number / 10) for number in numbers]

    def acknowledge(self, device: str, points: list[dict[str, Any]]) -> None:
        """Remembers points whose upload was answered."""
        self.acknowledged.update((device, sent["timestamp"]) for sent in points)

    def context(self) -> dict[str, Any]:
        """The context of an upload: for half of them one of a few idempotency keys, whose bodies differ."""
        key = sha256(str(random.randrange(1000)).encode()).hexdigest() if random.random() < 0.5 else None
        return {"api_key_id": self.keys[0][0], "idempotency_key": key}


async def register(world: World, session: Session) -> None:
    """A phone registers, comes back, or goes to another group."""
    await call(session, "register_device", registration(world.device(), world.group()))


async def move(world: World, session: Session) -> None:
    """An operator moves a device."""
    await session.fetchval("select admin.move_device($1, $2)", world.device(), world.group())


async def deactivate(world: World, session: Session) -> None:
    """A phone leaves."""
    await call(session, "deactivate_device", {"device_id": world.device()})


async def reactivate(world: World, session: Session) -> None:
    """An operator brings a device back."""
    await session.fetchval("select admin.reactivate_device($1)", world.device())


async def upload(world: World, session: Session) -> None:
    """A phone sends a point."""
    device, (sent,) = world.device(), world.points(1)
    row = await call(session, "upload_location", {"device_id": device, **sent}, world.context())
    assert not row["replayed"]  # no two bodies are the same, so a key that was used is refused
    world.acknowledge(device, [sent])


async def batch(world: World, session: Session) -> None:
    """A phone sends what it kept."""
    device, sent = world.device(), world.points(20)
    await call(session, "upload_locations", {"device_id": device, "locations": sent}, world.context())
    world.acknowledge(device, sent)


async def together(world: World, session: Session) -> None:
    """Uploads of many phones in one call; some are left out."""
    requests = [{"device_id": world.device(), **sent} for sent in world.points(12)]
    rows = await session.fetch(
        "select request, answer from api.upload_location_many($1::jsonb[])",
        [orjson.dumps(request).decode() for request in requests],
    )
    for row in rows:
        request = requests[row["request"] - 1]
        world.acknowledge(request["device_id"], [request])


async def erase(world: World, session: Session) -> None:
    """A phone has its data erased."""
    await call(session, "erase_device", {"device_id": random.choice(world.fleeting)}, {})


async def export(world: World, session: Session) -> None:
    """A phone takes its data along: one snapshot, the points in order, none twice."""
    request = {"device_id": world.device()}
    await call(session, "begin_export", request, {})
    async with session.transaction(isolation="repeatable_read", readonly=True):
        await call(session, "export_head", request)
        times: list[str] = []
        after = None
        while True:
            page, points, after = await session.fetchrow(  # type: ignore[misc]
                "select * from api.export_page($1, $2, 100)", orjson.dumps(request).decode(), after
            )
            times += [found["captured_at"] for found in orjson.loads(page)]
            if points < 100:
                break
    assert times == sorted(set(times))


async def expire(world: World, session: Session, days: int) -> None:
    """There is a point this old."""
    async with session.transaction():
        await session.execute(LOCK_DEVICES)
        await session.execute(EXPIRED_POINT, random.choice(world.lasting), days)


async def clean_up(world: World, session: Session) -> None:
    """The job that removes expired points, after one has expired."""
    await expire(world, session, random.randint(32, 40))
    await run_cleanup(session, None)


async def delete_inactive(world: World, session: Session) -> None:
    """An operator removes who left long ago."""
    await session.execute(AGE, world.fleeting)
    await session.fetchval("select admin.delete_inactive_devices(1)")


async def create_partition(world: World, session: Session) -> None:
    """The job that makes partitions: a day's points move home."""
    day = random.randint(32, 40)
    await expire(world, session, day)
    await session.execute(LOCK_TIMEOUT)
    async with session.transaction():
        await session.execute("set local role pm_owner")  # nobody else may, and partitions must be its
        await session.fetchval(CREATE_PARTITION, random.choice((day, random.randint(1, DAYS))))


async def prepare(_: World, session: Session) -> None:
    """An instance of the API starts."""
    await session.execute(PREPARE)


async def drop_partition(_: World, session: Session) -> None:
    """The last steps of the cleanup: what is wholly past its retention is dropped."""
    await run_cleanup(session, '{"table": 4}')


async def run_cleanup(session: Session, position: str | None) -> None:
    """Runs the steps of the cleanup from one on; there is one run at a time."""
    await session.execute(LOCK_TIMEOUT)
    await session.execute(ONE_RUN)
    try:
        while True:
            position = await session.fetchval(CLEANUP_STEP, position)
            if position is None:
                return
    finally:
        await session.execute(END_RUN)


async def rotate(world: World, session: Session) -> None:
    """An operator replaces a key; the old one ends at once."""
    identity, _ = random.choice(world.keys[1:])
    row = await session.fetchrow("select id, api_key from admin.rotate_api_key($1, interval '0')", identity)
    assert row is not None
    world.keys.append((row["id"], row["api_key"]))


async def admit(world: World, session: Session) -> None:
    """Requests ask for admission, and give some of it back."""
    _, key = random.choice(world.keys[-3:])
    row = await session.fetchrow(ADMIT, sha256(key.encode()).digest(), random.randint(1, 5), 0, 0)
    assert row is not None
    await session.fetchrow(ADMIT, sha256(key.encode()).digest(), 1, random.randint(0, row["admitted"]), row["slot"])


ACTIONS: dict[str, Callable[[World, Session], Awaitable[None]]] = {
    action.__name__: action
    for action in (
        register,
        move,
        deactivate,
        reactivate,
        upload,
        batch,
        together,
        erase,
        export,
        clean_up,
        delete_inactive,
        create_partition,
        prepare,
        drop_partition,
        rotate,
        admit,
    )
}


async def act(world: World, session: Session, name: str) -> None:
    """Does it once; that it is refused is no fault."""
    world.actions[name] = world.actions.get(name, 0) + 1
    with suppress(asyncpg.PostgresError):
        try:
            await ACTIONS[name](world, session)
        except asyncpg.PostgresError as error:
            if error.sqlstate == "40P01":
                world.retries += 1
            elif error.sqlstate not in REFUSALS:
                raise AssertionError(f"{name}: {error.sqlstate} {error}") from error
            raise
