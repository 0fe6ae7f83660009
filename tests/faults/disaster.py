"""A database that is saved under load and then destroyed, and what must be there when it is restored."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.backups import script
from tests.faults.invariants import check_rules
from tests.own_cluster import run, sqitch
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.backups import Place
    from tests.cluster import Database
    from tests.faults.fleet import Fleet, Upload
    from tests.own_cluster import Outcome, OwnCluster

DATABASE = "phone_manager"
NEVER = datetime.max.replace(tzinfo=UTC)
# All but the point that is uploaded to see that the service works.
PRESENT = """
    select device_id::text || ' ' || (extract(epoch from captured_at) * 1000)::bigint
    from core.locations where latitude <> 0
"""
ERASED = "select count(*) from core.devices where device_id = $1"
SIZE = "select pg_size_pretty(pg_database_size(current_database()))"


class DestroyedError(Exception):
    """The cluster is gone."""


def say(text: str) -> None:
    print(f"[restore-drill] {text}", flush=True)  # noqa: T201  what the drill is for


def took(start: float, what: str) -> None:
    say(f"{time.monotonic() - start:.1f} s: {what}")


async def as_server(directory: Path, programs: Path, *command: str, **environment: str) -> Outcome:
    """Runs one of the scripts as the user whose cluster it is, with PostgreSQL's programs at hand."""
    prefix = []
    if os.geteuid() == 0:
        owner = (directory / "scripts").stat()
        prefix = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    program, *arguments = command
    # restore-cluster finds what it needs itself, as it must on Debian.
    path = os.environ["PATH"] if program == "restore-cluster" else f"{programs}:{os.environ['PATH']}"
    return await run(*prefix, str(directory / "scripts" / program), *arguments, **environment, PATH=path, HOME="/")


async def archived(database: Database) -> None:
    """Waits until the log up to now has left the machine."""
    file = await database.value("select pg_walfile_name(pg_current_wal_lsn())")

    async def gone() -> bool:
        return bool(await database.value("select last_archived_wal >= $1 from pg_stat_archiver", file))

    await until(f"{file} to be archived", gone, 120)


async def is_whole(database: Database) -> None:
    """What deployment promises is there, in the schema and beside it."""
    assert "Verify successful" in (await sqitch(database.cluster, DATABASE, "verify")).succeeded()
    if await database.value("select exists (select from pg_available_extensions where name = 'pg_cron')"):
        assert await database.value("select count(*) from cron.job where database = current_database() and active") == 7


async def present(database: Database) -> set[str]:
    """The points that are stored."""
    return {row[0] for row in await database.fetch(PRESENT)}


def points(uploads: list[Upload]) -> set[str]:
    """The points of uploads, in the same words."""
    return {f"{device} {stamp}" for upload in uploads for device, stamp in upload.points}


@dataclass
class Disaster:
    """What was there before it, and what must be there afterwards."""

    cluster: OwnCluster
    directory: Path
    """Of what outlives it."""
    place: Place
    programs: Path
    key: str = ""
    early: set[str] = field(default_factory=set)
    """Points acknowledged before the dump began."""
    dumped: set[str] = field(default_factory=set)
    """Points that were there when it had ended."""
    target: datetime = NEVER
    """The moment to go back to."""
    before: set[str] = field(default_factory=set)
    """Points acknowledged by then."""
    late: set[str] = field(default_factory=set)
    """Points sent later."""
    erased: str = ""
    """A device that was erased later."""
    acknowledged: set[str] = field(default_factory=set)
    died: datetime = NEVER

    async def strike(self, phones: Fleet, database: Database) -> None:
        """Saves everything while the phones go on, and destroys the cluster."""
        login = {**self.cluster.environment, "PGDATABASE": DATABASE}
        self.key = phones.api_key
        await phones.until_acknowledged(50)
        self.early = points(phones.acknowledged())
        start = time.monotonic()
        (await script("backup", *self.place.write, **login)).succeeded()
        took(start, "scripts/backup, under load")
        self.dumped = await present(database)
        start = time.monotonic()
        (await as_server(self.directory, self.programs, "base-backup", *self.place.write, **login)).succeeded()
        took(start, "scripts/base-backup, under load")
        await phones.until_acknowledged(200)
        await asyncio.sleep(1.1)  # the name of a backup has whole seconds

        self.before, sent = points(phones.acknowledged()), len(phones.uploads)
        self.target = datetime.now(UTC)
        await phones.until_acknowledged(200)
        self.erased = await database.value("select device_id::text from core.devices where group_id = 'old-1' limit 1")
        await database.call("erase_device", {"device_id": self.erased}, {})
        (await script("erasures", "export", *self.place.write, **login)).succeeded()
        await archived(database)  # with the target, and the erasure
        await phones.until_acknowledged(200)
        say(f"the database has {await database.value(SIZE)}")

        self.cluster.kill()
        self.died = datetime.now(UTC)
        self.acknowledged, self.late = points(phones.acknowledged()), points(phones.uploads[sent:])
        shutil.rmtree(self.cluster.directory.resolve() / "data")
        raise DestroyedError  # ends the phones, too, which would try for ever

    async def check_moment(self, database: Database) -> None:
        """All that was acknowledged before is there, and nothing that was sent later."""
        there = await present(database)
        assert self.before <= there
        assert not self.late & there
        assert await database.value("select max(created_at) from core.locations where latitude <> 0") <= self.target
        await check_rules(database)
        await is_whole(database)
        assert await database.value(ERASED, self.erased) == 1
        login = {**database.cluster.environment, "PGDATABASE": DATABASE}
        assert "1 had to be done again" in (await script("erasures", "replay", *self.place.read, **login)).succeeded()
        assert await database.value(ERASED, self.erased) == 0

    async def check_end(self, database: Database) -> None:
        """Nothing is missing but what had not left the machine; tells how much that is."""
        there = await present(database)
        assert self.before <= there
        newest = await database.value("select max(created_at) from core.locations")
        lost = len(self.acknowledged - there)
        seconds = (self.died - newest).total_seconds()
        say(f"RPO {seconds:.1f} s: {lost} of {len(self.acknowledged)} acknowledged points are lost")
        assert newest > self.target
        await check_rules(database)
        assert await database.value(ERASED, self.erased) == 0

    async def check_dump(self, database: Database) -> None:
        """All that was acknowledged before it began is there, and nobody who was erased since."""
        assert self.early <= await present(database) <= self.dumped
        await check_rules(database)
        await is_whole(database)
        assert await database.value(ERASED, self.erased) == 0
