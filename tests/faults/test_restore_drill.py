"""A whole disaster, rehearsed: backups under load, the cluster destroyed, restored to a chosen moment, to its end, and from a dump.

make restore-drill shows what it measures; PM_DRILL_POINTS says how many points are there before it begins.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backups import Place, make_place, script
from tests.cluster import API_PASSWORD, Cluster, Database
from tests.conftest import point
from tests.faults.fleet import fleet
from tests.faults.invariants import check_rules
from tests.own_cluster import own_cluster, run, sqitch
from tests.server import ROOT, free_port, serve
from tests.standby import Standby, programs_of
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.fleet import Upload
    from tests.own_cluster import Outcome, OwnCluster

POINTS = int(os.environ.get("PM_DRILL_POINTS", "20000"))
ARCHIVE_TIMEOUT = 2
DATABASE = "phone_manager"

HISTORY = """
    insert into core.devices (device_id, display_name, group_id)
    select gen_random_uuid(), 'Phone', 'old-' || n / 20 from generate_series(0, 99) n;
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select d.device_id, now() - interval '29 days' + n * interval '29 days' / ($1 / 100), 45.27 + n % 100 / 1e3, 13.71, 5
    from core.devices d, generate_series(1, $1 / 100) n;
    update core.devices d set (last_captured_at, last_latitude, last_longitude, last_accuracy)
        = (select captured_at, latitude, longitude, accuracy
           from core.locations l where l.device_id = d.device_id order by captured_at desc limit 1)
"""
# All but the point that is uploaded to see that the service works.
PRESENT = """
    select device_id::text || ' ' || (extract(epoch from captured_at) * 1000)::bigint from core.locations where latitude <> 0
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed: scripts/prepare test does that"),
]


class DestroyedError(Exception):
    """The cluster is gone."""


def say(text: str) -> None:
    print(f"[restore-drill] {text}", flush=True)  # noqa: T201  what the drill is for


def took(start: float, what: str) -> None:
    say(f"{time.monotonic() - start:.1f} s: {what}")


@asynccontextmanager
async def room(cluster: OwnCluster) -> AsyncIterator[Path]:
    """A directory that outlives the cluster, for its operating system's user, with the scripts in it."""
    owner = cluster.directory.resolve().stat()
    directory = Path(tempfile.mkdtemp(prefix="pm-drill-"))
    try:
        shutil.copytree(ROOT / "scripts", directory / "scripts")
        (directory / "place").mkdir()
        await make_place(str(directory / "place"), directory / "keys")
        if os.geteuid() == 0:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        yield directory
    finally:
        shutil.rmtree(directory)


async def archive(cluster: OwnCluster, place: Place, scripts: Path) -> None:
    """Has the cluster archive its log, as ops/postgres/archive.conf does."""
    settings = (ROOT / "ops" / "postgres" / "archive.conf").read_text()
    (line,) = (line for line in settings.splitlines() if line.startswith("archive_command"))
    command = line.split("'")[1]
    command = command.replace("/opt/phone-manager/scripts", str(scripts)).replace("s3:bucket/phone-manager", place.name)
    command = command.replace("/etc/phone-manager/backup-recipients", str(place.recipients))
    async with cluster.session("postgres") as session:
        await session.execute("alter system set archive_mode = on")
        await session.execute(f"alter system set archive_timeout = {ARCHIVE_TIMEOUT}")
        await session.execute(f"alter system set archive_command = '{command}'")
    (await run("scripts/cluster", "stop", str(cluster.directory))).succeeded()
    await cluster.start()


async def as_server(directory: Path, programs: Path, *command: str, **environment: str) -> Outcome:
    """Runs one of the scripts as the user whose cluster it is, with PostgreSQL's programs at hand."""
    prefix = []
    if os.geteuid() == 0:
        owner = directory.stat()
        prefix = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    program, *arguments = command
    path = f"{programs}:{os.environ['PATH']}"
    return await run(*prefix, str(directory / "scripts" / program), *arguments, **environment, PATH=path, HOME="/")


@asynccontextmanager
async def restored(
    cluster: OwnCluster, programs: Path, directory: Path, place: Place, *options: str
) -> AsyncIterator[Database]:
    """The cluster as it is restored into a new directory, once it takes writes."""
    home = directory / f"restored-{free_port()}"
    home.mkdir()
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(home, owner.st_uid, owner.st_gid)
    data = str(home / "data")
    (await as_server(directory, programs, "restore-cluster", *place.read, "--data", data, *options)).succeeded()
    found = Standby(home, {**cluster.environment, "PGHOST": str(home), "PGPORT": str(free_port())}, programs)
    await found.start()
    try:
        yield await writable(found)
    finally:
        await found.stop()


async def writable(cluster: Cluster) -> Database:
    """The database, once the recovery is over."""

    async def recovered() -> bool:
        async with cluster.session("postgres") as session:
            return not await session.fetchval("select pg_is_in_recovery()")

    await until("the end of the recovery", recovered, 600)
    return Database(cluster, DATABASE, cluster.url(DATABASE, await cluster.login_role("pm_api"), API_PASSWORD))


async def serves(database: Database, key: str, directory: Path) -> None:
    """The contract works again: the phones are listed, and one uploads."""
    async with serve(database.api_url, directory) as server, server.client(key) as client:
        phones = (await client.get("/api/v1/devices", params={"group_id": "fleet"})).json()["devices"]
        body = {"device_id": phones[0]["device_id"], **point(latitude=0)}
        assert (await client.post("/api/v1/locations", json=body)).json() == {"success": True, "processed_count": 1}


async def is_whole(database: Database, cluster: Cluster) -> None:
    """What deployment promises is there, in the schema and beside it."""
    assert "Verify successful" in (await sqitch(cluster, DATABASE, "verify")).succeeded()
    if await database.value("select exists (select from pg_available_extensions where name = 'pg_cron')"):
        assert await database.value("select count(*) from cron.job where database = current_database() and active") == 7


async def present(database: Database) -> set[str]:
    """The points that are stored."""
    return {row[0] for row in await database.fetch(PRESENT)}


def points(uploads: list[Upload]) -> set[str]:
    """The points of uploads, in the same words."""
    return {f"{device} {stamp}" for upload in uploads for device, stamp in upload.points}


async def test_restore_drill(tmp_path: Path) -> None:
    async with own_cluster(tmp_path / "cluster") as cluster, room(cluster) as directory:
        place = Place(str(directory / "place"), directory / "keys/recipients", directory / "keys/identity")
        programs = programs_of(cluster)
        await archive(cluster, place, directory / "scripts")
        (await sqitch(cluster, DATABASE, "deploy")).succeeded()
        database = await writable(cluster)
        for statement in HISTORY.split(";"):
            await database.execute(statement.replace("$1", str(POINTS)))
        say(f"there are {POINTS} points; archive_timeout is {ARCHIVE_TIMEOUT} s")

        login = {**cluster.environment, "PGDATABASE": DATABASE}
        async with serve(database.api_url, tmp_path) as server:
            phones = await fleet(database, server)
            try:
                async with phones.running():
                    await phones.until_acknowledged(50)
                    early = phones.acknowledged()
                    start = time.monotonic()
                    (await script("backup", *place.write, **login)).succeeded()
                    took(start, "scripts/backup, under load")
                    dumped = await present(database)
                    start = time.monotonic()
                    (await as_server(directory, programs, "base-backup", *place.write, **login)).succeeded()
                    took(start, "scripts/base-backup, under load")
                    await phones.until_acknowledged(200)
                    await asyncio.sleep(1.1)  # a backup's name has whole seconds

                    before, sent = phones.acknowledged(), len(phones.uploads)
                    target = datetime.now(UTC)
                    await phones.until_acknowledged(200)
                    erased = await database.value(
                        "select device_id::text from core.devices where group_id = 'old-1' limit 1"
                    )
                    await database.call("erase_device", {"device_id": erased}, {})
                    (await script("erasures", "export", *place.write, **login)).succeeded()
                    await phones.until_acknowledged(200)
                    size = await database.value("select pg_size_pretty(pg_database_size(current_database()))")
                    cluster.kill()
                    died = datetime.now(UTC)
                    raise DestroyedError  # noqa: TRY301  ends the phones, too, which would try for ever
            except* DestroyedError:
                after, late = phones.acknowledged(), phones.uploads[sent:]
        shutil.rmtree(cluster.directory.resolve() / "data")
        say(f"the cluster is destroyed; {len(after)} uploads were acknowledged; the database was {size}")

        start = time.monotonic()
        async with restored(cluster, programs, directory, place, "--until", target.isoformat()) as chosen:
            await serves(chosen, phones.api_key, tmp_path)
            took(
                start, "RTO, to a chosen moment, until an upload was answered: scripts/restore-cluster and the recovery"
            )
            there = await present(chosen)
            assert points(before) <= there, "all that was acknowledged before"
            assert not points(late) & there, "nothing that was sent later"
            assert await chosen.value("select max(created_at) from core.locations where latitude <> 0") <= target
            await check_rules(chosen)
            await is_whole(chosen, chosen.cluster)
            assert await chosen.value("select count(*) from core.devices where device_id = $1", erased) == 1
            again = {**chosen.cluster.environment, "PGDATABASE": DATABASE}
            assert "1 had to be done again" in (await script("erasures", "replay", *place.read, **again)).succeeded()
            assert await chosen.value("select count(*) from core.devices where device_id = $1", erased) == 0

        async with restored(cluster, programs, directory, place) as latest:
            newest = await latest.value("select max(created_at) from core.locations")
            lost = points(after) - await present(latest)
            say(
                f"RPO: {(died - newest).total_seconds():.1f} s, {len(lost)} acknowledged points of {len(points(after))}"
            )
            assert newest > target
            assert points(before) <= await present(latest)
            await check_rules(latest)
            assert await latest.value("select count(*) from core.devices where device_id = $1", erased) == 0

        async with own_cluster(tmp_path / "other") as other:
            start = time.monotonic()
            into = {**other.environment, "PGDATABASE": DATABASE}
            output = (await script("restore", *place.read, **into)).succeeded()
            dump = await writable(other)
            await serves(dump, phones.api_key, tmp_path)
            took(start, "RTO, from the dump, until an upload was answered: scripts/restore into another cluster")
            assert "sqitch verify: successful" in output
            assert "1 had to be done again" in output
            await check_rules(dump)
            await is_whole(dump, other)
            assert points(early) <= await present(dump) <= dumped
