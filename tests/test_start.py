"""Starting the server: a wrong value stops it with one line and code 2, limits are written to the database."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from app import __main__ as program
from app import config
from tests.conftest import point, registration
from tests.server import ROOT, environment, free_port, serve
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

SECRET = "s3cret-pa55word"  # noqa: S105
URL = f"postgresql://user:{SECRET}@localhost:1/nowhere"
URL_VARIABLE = "PM__DATABASE__URL"


async def start(database_url: str, **settings: str) -> tuple[int, str]:
    """Starts a server that should not start; returns its exit code and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", cwd=ROOT, env=environment(database_url, free_port(), **settings),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize(
    ("url", "settings", "variable"),
    [
        (URL, {"server__port": SECRET}, "PM__SERVER__PORT"),
        (URL, {"serv__port": "1"}, "PM__SERV__PORT"),
        ("", {}, URL_VARIABLE),
        (SECRET, {}, URL_VARIABLE),
        (f"mysql://user:{SECRET}@localhost/x", {}, URL_VARIABLE),
        (f"postgresql://user:{SECRET}@localhost:port/x", {}, URL_VARIABLE),
        (f"postgresql://user:{SECRET}@localhost/x?sslmode=perhaps", {}, URL_VARIABLE),
        (f"postgresql://user:{SECRET}@[localhost/x", {}, URL_VARIABLE),
        (URL, {"database__replica_url": f"mysql://user:{SECRET}@localhost/x"}, "PM__DATABASE__REPLICA_URL"),
    ],
)
async def test_a_wrong_value_stops_the_start_with_one_line_and_code_2(
    url: str, settings: dict[str, str], variable: str
) -> None:
    code, output = await start(url, **settings)
    assert code == 2, output
    assert re.fullmatch(rf"{variable}: \S.+\n", output)
    assert SECRET not in output


@pytest.mark.parametrize(
    ("variable", "value"),
    [("limits__max_batch_size", "1001"), ("limits__max_batch_size", "0"), ("security__rate_limit_per_minute", "-1"),
     ("limits__location_retention_days", "9999999999")],
)  # fmt: skip
async def test_a_limit_out_of_its_range_stops_the_start(database: Database, variable: str, value: str) -> None:
    code, output = await start(database.api_url, **{variable: value})
    assert code == 2, output
    assert re.fullmatch(rf"PM__{variable.upper()}: \S.+\n", output)
    assert await database.value("select count(*) from core.audit_log where action = 'change_setting'") == 0
    row = await database.fetch(
        "select max_batch_size, rate_limit_per_minute, location_retention_days from core.settings"
    )
    assert tuple(row[0]) == (50, 100, 30)


async def test_a_limit_that_is_refused_once_the_database_is_back(database: Database, tmp_path: Path) -> None:
    line = "The database cannot be used: PM__LIMITS__MAX_BATCH_SIZE: max_batch_size cannot be 1001."
    async with database.cluster.session("postgres") as operator:
        await operator.execute(f"alter database {database.name} allow_connections false")
        async with (
            serve(database.api_url, tmp_path, ready=False, limits__max_batch_size="1001") as server,
            server.client() as client,
        ):

            async def told(what: str) -> bool:
                return what in server.log

            await until("a start without the database", lambda: told("The database cannot be used: "))
            await operator.execute(f"alter database {database.name} allow_connections true")
            await until("the line that names the variable", lambda: told(line))
            assert (await client.get("/api/health/ready")).status_code == 503
            assert server.log.count(line) == 1
    assert await database.value("select max_batch_size from core.settings") == 50


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "192.0.2.1", "::ffff", "a" * 70, "127.0.0.1 "])
async def test_an_address_where_nobody_can_listen(host: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        settings = {"server__host": host, "server__port": str(listener.getsockname()[1])}
        code, output = await start(URL, **settings)
    assert code == 2, output
    assert re.fullmatch(r"PM__SERVER__HOST, PM__SERVER__PORT: cannot listen there: \S.+\n", output)


def test_several_workers_need_a_temporary_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(config.ConfigError, match=r"^PM__SERVER__WORKERS: .*\(TMPDIR\): No such file or directory$"):
        program.counts_directory()


async def test_limits_are_written_at_start_and_audited_when_they_change(
    database: Database, tmp_path: Path, device_id: str, group: str
) -> None:
    trail = """select resource_id, metadata, database_role, api_key_id
               from core.audit_log where action = 'change_setting' order by id"""
    key = await database.create_key(rate_limit=None)
    for _ in range(2):  # the second start changes nothing
        async with (
            serve(
                database.api_url,
                tmp_path,
                limits__max_batch_size="2",
                security__rate_limit_per_minute="7",
                limits__max_devices_per_group="20",
            ) as server,
            server.client(key) as client,
        ):
            await client.post("/api/v1/devices/register", json=registration(device_id, group))
            batch = {"device_id": device_id, "locations": [point(), point(), point()]}
            answer = await client.post("/api/v1/locations/batch", json=batch)
            assert answer.json()["details"] == [{"field": "locations", "message": "must hold 1 to 2 points"}]
            assert answer.headers["RateLimit-Limit"] == "7"
        rows = await database.fetch(trail)
        role = re.search(r"//(\w+):", database.api_url)
        assert role is not None
        assert [(row["resource_id"], row["metadata"], row["database_role"], row["api_key_id"]) for row in rows] == [
            ("max_batch_size", '{"new": 2, "old": 50}', role[1], None),
            ("rate_limit_per_minute", '{"new": 7, "old": 100}', role[1], None),
        ]
    async with serve(database.api_url, tmp_path):
        pass  # what is not set stays as it is
    assert await database.value("select max_batch_size from core.settings") == 2
    assert len(await database.fetch(trail)) == 2
