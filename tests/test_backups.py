"""Dumps and the archived log: whole or not there, legible with the key only, kept as promised, and restored."""

from __future__ import annotations

import datetime
import os
import shutil
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.backups import Place, damage, make_place, names, script
from tests.cluster import API_PASSWORD, Cluster, Database
from tests.conftest import point, registration
from tests.own_cluster import run
from tests.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLES = ("devices", "locations", "api_keys", "audit_log", "idempotency_keys", "job_runs", "settings")
STAMP = "%Y%m%dT%H%M%SZ"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("age") is None or shutil.which("rclone") is None,
        reason="age and rclone are not installed: scripts/prepare test does that",
    ),
]


@pytest_asyncio.fixture(params=["a directory", "a remote of rclone"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place, reached one way or the other. Files of either are in the test's directory "place"."""
    (tmp_path / "place").mkdir()
    local = str(tmp_path / "place")
    return await make_place(local if request.param == "a directory" else f":local:{local}", tmp_path / "keys")


@pytest_asyncio.fixture
async def directory(tmp_path: Path) -> Place:
    """An empty directory."""
    (tmp_path / "place").mkdir()
    return await make_place(str(tmp_path / "place"), tmp_path / "keys")


async def backup_login(database: Database) -> dict[str, str]:
    """The variables of libpq for a login that may dump and no more."""
    role = f"dump_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    if not await database.value("select to_regrole($1) is not null", role):
        await database.execute(f"create role {role} login password '{API_PASSWORD}' in role pg_read_all_data")
    return {**database.cluster.environment, "PGDATABASE": database.name, "PGUSER": role, "PGPASSWORD": API_PASSWORD}


@asynccontextmanager
async def empty_database(cluster: Cluster) -> AsyncIterator[Database]:
    """A database without anything in it, and a role of the same name that owns it and may make roles."""
    name = f"pm_restored_{uuid.uuid4().hex[:12]}"
    role = await cluster.login_role("pm_api")
    async with cluster.session("postgres") as session:
        await session.execute(f"create role {name} login createrole password '{API_PASSWORD}'")
        await session.execute(f"create database {name} owner {name} template template0")
        try:
            yield Database(cluster, name, cluster.url(name, role, API_PASSWORD))
        finally:
            await cluster.drop(name)
            await session.execute(f"drop role {name}")


def owner(database: Database) -> dict[str, str]:
    """The variables of libpq for that role."""
    login = {"PGDATABASE": database.name, "PGUSER": database.name, "PGPASSWORD": API_PASSWORD}
    return {**database.cluster.environment, **login}


async def contents(database: Database) -> dict[str, list[str]]:
    """All rows of all tables that are dumped."""
    return {
        table: [row[0] for row in await database.fetch(f"select t::text from core.{table} t order by 1")]
        for table in TABLES
    }


@pytest.mark.parametrize("place", ["a remote of rclone"], indirect=True)  # the drill restores from a directory
async def test_what_was_dumped_is_restored_but_nobody_who_was_erased_since(
    database: Database, place: Place, tmp_path: Path
) -> None:
    stays, goes, comes_back = (str(uuid.uuid4()) for _ in range(3))
    key = await database.create_key()
    for device in (stays, goes, comes_back):
        await database.call("register_device", registration(device, "family"))
        await database.call("upload_location", {"device_id": device, **point()})
    await database.execute("call jobs.cleanup_locations()")
    before = await contents(database)
    login = await backup_login(database)
    (await script("backup", *place.write, **login)).succeeded()

    for device in (goes, comes_back):
        await database.call("erase_device", {"device_id": device}, {})
    await database.call("register_device", registration(comes_back, "family"))
    (await script("erasures", "export", *place.write, **login)).succeeded()
    there = names(tmp_path / "place")
    assert (await script("erasures", "export", *place.write, **login)).succeeded() == "", "there is nothing new"
    assert names(tmp_path / "place") == there
    stored = b"".join((tmp_path / "place" / name).read_bytes() for name in there)
    assert not any(secret.encode() in stored for secret in (stays, goes, key))

    # Who was registered again is another one, and stays.
    superuser = {**database.cluster.environment, "PGDATABASE": database.name}
    output = (await script("erasures", "replay", *place.read, **superuser)).succeeded()
    assert "of 2 erasures that are known, 0 had to be done again" in output

    odd = Place(str(shutil.copytree(tmp_path / "place", tmp_path / "o'clock %d")), place.recipients, place.identity)
    before_replay = names(tmp_path / "o'clock %d")
    assert "of 2 erasures" in (await script("erasures", "replay", *odd.read, **superuser)).succeeded()
    assert names(tmp_path / "o'clock %d") == before_replay

    async with empty_database(database.cluster) as restored:
        output = (await script("restore", *place.read, **owner(restored))).succeeded()
        assert "sqitch verify: successful" in output
        assert "of 2 erasures that are known, 2 had to be done again" in output
        after = await contents(restored)
        for table in ("api_keys", "settings"):
            assert after[table] == before[table]
        assert [row["device_id"] for row in await restored.fetch("select device_id::text from core.devices")] == [stays]
        assert after["locations"] == [row for row in before["locations"] if stays in row]
        async with serve(restored.api_url, tmp_path) as server, server.client(key) as client:
            (listed,) = (await client.get("/api/v1/devices", params={"group_id": "family"})).json()["devices"]
            assert listed["device_id"] == stays
            answer = await client.post("/api/v1/locations", json={"device_id": stays, **point()})
            assert answer.status_code == 200

        outcome = await script("restore", *place.read, **owner(restored))
        assert outcome.code == 1
        assert "the database is not empty: schema" in outcome.output
        assert await contents(restored) != {}


async def test_a_dump_that_fails_stores_nothing_and_says_why(database: Database, place: Place, tmp_path: Path) -> None:
    login = await backup_login(database)
    humble = {**login, "PGUSER": await database.cluster.login_role("pm_monitor")}
    empty = {**login, "PGDATABASE": "postgres"}
    away = {**login, "PGPORT": "1"}
    for environment, message in (
        (humble, f"grant pg_read_all_data to {humble['PGUSER']}"),
        (empty, "the database postgres has no Phone Manager in it"),
        (away, "the database cannot be reached"),
    ):
        outcome = await script("backup", *place.write, **environment)
        assert (outcome.code, message in outcome.output) == (1, True), outcome.output
    bad = tmp_path / "bad"
    bad.write_text("age1nonsense\n")
    outcome = await script("backup", "--to", place.name, "--recipients", str(bad), **login)
    assert "nothing was stored" in outcome.output
    await database.execute(
        "create table core.unreadable as select; alter table core.unreadable enable row level security"
    )
    outcome = await script("backup", *place.write, **login)
    assert outcome.code == 1
    assert "nothing was stored" in outcome.output
    for wrong in ("place", str(tmp_path / "not mounted"), "nosuchremote:bucket"):
        assert (await script("backup", "--to", wrong, "--recipients", str(place.recipients), **login)).code == 1
    assert names(tmp_path / "place") == []


async def test_dumps_of_another_database_and_from_the_future_are_refused(
    database: Database, directory: Place, tmp_path: Path
) -> None:
    login = await backup_login(database)
    (await script("backup", *directory.write, **login)).succeeded()
    mark = tmp_path / "place" / "dumps.of"
    own = mark.read_text()
    assert own.startswith(f"database {database.name} of cluster ")
    before = names(tmp_path / "place")
    mark.write_text("database other of cluster 1\n")
    outcome = await script("backup", *directory.write, **login)
    assert (outcome.code, "is of database other of cluster 1, this is" in outcome.output) == (1, True), outcome.output
    mark.write_text(own)
    assert names(tmp_path / "place") == before
    (tmp_path / "place" / "dumps" / "20990101T000000Z.dump.age.sha256").write_text("later")
    outcome = await script("backup", *directory.write, **login)
    assert (outcome.code, "is the clock right?" in outcome.output) == (1, True), outcome.output


async def test_a_damaged_dump_or_a_wrong_key_is_refused(database: Database, directory: Place, tmp_path: Path) -> None:
    login = await backup_login(database)
    (await script("backup", *directory.write, **login)).succeeded()
    (dump,) = (tmp_path / "place" / "dumps").glob("*.age")
    async with empty_database(database.cluster) as target:
        other = await make_place(directory.name, tmp_path / "other")
        assert "cannot be read with this key" in (await script("restore", *other.read, **owner(target))).output
        damage(dump)
        outcome = await script("restore", *directory.read, **owner(target))
        assert "is damaged: it does not match its checksum" in outcome.output
        dump.with_name(f"{dump.name}.sha256").unlink()
        assert "there is no dump in" in (await script("restore", *directory.read, **owner(target))).output
        assert await target.value("select to_regnamespace('core') is null")


async def test_seven_days_and_four_weeks_are_kept(database: Database, place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "place" / "dumps"
    folder.mkdir()
    today = datetime.datetime.now(datetime.UTC)
    stored = []
    for day in range(1, 60):
        for hour in (1, 13):
            stamp = (today - datetime.timedelta(days=day)).replace(hour=hour, minute=0, second=0).strftime(STAMP)
            stored.append(stamp)
            for suffix in ("", ".sha256"):
                (folder / f"{stamp}.dump.age{suffix}").write_text("old")
    (folder / f"{today.replace(hour=0).strftime(STAMP)}.dump.age").write_text("not whole")
    (folder / "notes.txt").write_text("not a dump")
    (await script("backup", *place.write, **await backup_login(database))).succeeded()

    kept = sorted((path.name.removesuffix(".dump.age.sha256") for path in folder.glob("*.sha256")), reverse=True)
    of_day = {name[:8]: name for name in reversed(kept)}.values()
    days = sorted(
        (datetime.datetime.strptime(name, STAMP).replace(tzinfo=datetime.UTC).date() for name in of_day), reverse=True
    )
    assert days[:7] == [today.date() - datetime.timedelta(days=number) for number in range(7)]
    weeks = [day.isocalendar()[:2] for day in days]
    assert len(set(weeks)) == 4
    assert len(kept) <= 12
    assert all(day.isoweekday() == 7 for day in days[7:]), "the last of its week"
    recent = (today - datetime.timedelta(hours=48, minutes=1)).strftime(STAMP)
    assert {name for name in stored if name > recent} <= set(kept), "nothing of the last 48 hours goes"
    assert all(name.endswith("T130000Z") for name in kept if name < recent), "the last of its day"
    assert (folder / "notes.txt").exists()
    assert {path.name for path in folder.glob("*.age")} >= {f"{name}.dump.age" for name in kept}


async def test_a_file_of_the_log_is_archived_once_and_never_overwritten(place: Place, tmp_path: Path) -> None:
    name = "000000010000000000000001"
    segment, back = tmp_path / name, tmp_path / "back"
    segment.write_bytes(os.urandom(1000) + bytes(100_000))
    command = ("archive-wal", *place.write, str(segment), name)
    for _ in range(2):
        assert (await script(*command)).succeeded() == ""
    assert names(tmp_path / "place") == [f"wal/{name}.gz.age", f"wal/{name}.sha256"]
    assert (tmp_path / "place" / "wal" / f"{name}.gz.age").stat().st_size < 5000

    (await script("restore-wal", *place.read, name, str(back))).succeeded()
    assert back.read_bytes() == segment.read_bytes()
    assert (await script("restore-wal", *place.read, "0" * 24, str(back))).code == 1, "the end of the log"

    good = segment.read_bytes()
    segment.write_bytes(good[:-1] + b"\1")
    outcome = await script(*command)
    assert outcome.code == 1
    assert f"another {name} is in " in outcome.output
    segment.write_bytes(good)

    # Cut off before its checksum was written: it is stored again.
    (tmp_path / "place" / "wal" / f"{name}.sha256").unlink()
    assert (await script("restore-wal", *place.read, name, str(back))).code == 1
    (await script(*command)).succeeded()
    damage(tmp_path / "place" / "wal" / f"{name}.gz.age")
    assert (await script("restore-wal", *place.read, name, str(back))).code > 125, (
        "PostgreSQL must not take it for the end"
    )
    away = Place(f"{place.name}/no such folder", place.recipients, place.identity)
    if place.name.startswith("/"):
        assert (await script("restore-wal", *away.read, name, str(back))).code > 125


async def test_scripts_say_how_to_use_them() -> None:
    for name in ("backup", "restore", "erasures", "base-backup", "restore-cluster", "archive-wal", "restore-wal"):
        outcome = await run(f"scripts/{name}", "--nonsense")
        assert outcome.code in (2, 200)
        assert f"scripts/{name} " in outcome.output
