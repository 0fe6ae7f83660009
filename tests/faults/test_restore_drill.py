"""A disaster, rehearsed: backups under load, the cluster destroyed, restored to a moment, to the end, and from a dump.

make restore-drill shows what it measures; PM_DRILL_POINTS says how many points are there before it begins.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backups import Place, make_place, script
from tests.cluster import API_PASSWORD, Cluster, Database
from tests.conftest import point
from tests.faults.disaster import DATABASE, DestroyedError, Disaster, as_server, say, took
from tests.faults.fleet import fleet
from tests.own_cluster import own_cluster, run, sqitch
from tests.server import ROOT, free_port, serve
from tests.standby import Standby, programs_of
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.own_cluster import OwnCluster

POINTS = int(os.environ.get("PM_DRILL_POINTS", "20000"))
ARCHIVE_TIMEOUT = 2
HISTORY = """
    insert into core.devices (device_id, display_name, group_id)
    select gen_random_uuid(), 'Phone', 'old-' || n / 20 from generate_series(0, 99) n;
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select d.device_id, now() - interval '29 days' + n * interval '29 days' / ($1 / 100), 45 + n % 100 / 1e3, 13.71, 5
    from core.devices d, generate_series(1, $1 / 100) n;
    update core.devices d set (last_captured_at, last_latitude, last_longitude, last_accuracy)
        = (select captured_at, latitude, longitude, accuracy
           from core.locations l where l.device_id = d.device_id order by captured_at desc limit 1)
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed: scripts/prepare test does that"),
]


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
            (await run("chown", "--recursive", f"{owner.st_uid}:{owner.st_gid}", str(directory))).succeeded()
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


@asynccontextmanager
async def restored(disaster: Disaster, *options: str) -> AsyncIterator[Database]:
    """The cluster as it is restored into a new directory, once it takes writes."""
    directory = disaster.directory
    home = directory / f"restored-{free_port()}"
    home.mkdir()
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(home, owner.st_uid, owner.st_gid)
    data = str(home / "data")
    command = ("restore-cluster", *disaster.place.read, "--data", data, *options)
    output = (await as_server(directory, disaster.programs, *command)).succeeded()
    assert "the copy is as its manifest says" in output
    environment = {**disaster.cluster.environment, "PGHOST": str(home), "PGPORT": str(free_port())}
    found = Standby(home, environment, disaster.programs)
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


async def test_restore_drill(tmp_path: Path) -> None:
    async with own_cluster(tmp_path / "cluster") as cluster, room(cluster) as directory:
        place = Place(str(directory / "place"), directory / "keys/recipients", directory / "keys/identity")
        disaster = Disaster(cluster, directory, place, programs_of(cluster))
        await archive(cluster, place, directory / "scripts")
        (await sqitch(cluster, DATABASE, "deploy")).succeeded()
        database = await writable(cluster)
        for statement in HISTORY.split(";"):
            await database.execute(statement.replace("$1", str(POINTS)))
        say(f"there are {POINTS} points; archive_timeout is {ARCHIVE_TIMEOUT} s")
        async with serve(database.api_url, tmp_path) as server:
            phones = await fleet(database, server)
            try:
                async with phones.running():
                    await disaster.strike(phones, database)
            except* DestroyedError:
                pass

        start = time.monotonic()
        async with restored(disaster, "--until", disaster.target.isoformat()) as database:
            await serves(database, disaster.key, tmp_path)
            took(start, "RTO, to a chosen moment: from nothing to an upload that is answered")
            await disaster.check_moment(database)
        async with restored(disaster) as database:
            await disaster.check_end(database)

        async with own_cluster(tmp_path / "other") as other:
            start = time.monotonic()
            into = {**other.environment, "PGDATABASE": DATABASE}
            output = (await script("restore", *place.read, **into)).succeeded()
            assert "sqitch verify: successful" in output
            assert "1 had to be done again" in output
            database = await writable(other)
            await serves(database, disaster.key, tmp_path)
            took(start, "RTO, from the dump: from an empty database to an upload that is answered")
            await disaster.check_dump(database)
