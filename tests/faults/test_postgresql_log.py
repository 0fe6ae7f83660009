"""PostgreSQL's own log and statistics hold nothing private, however much a DBA has it log.

What docs/operating.md has DBAs set is what scripts/lib/server-settings.sh sets, so the cluster of the tests has it.
"""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.conftest import now_ms, registration
from tests.operators import operator_session
from tests.server import ROOT, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Database

LATITUDE, LONGITUDE = 45.2718281, -13.7314159
FCM = "fcm-SecretToken-9876543210"
IDEMPOTENCY_KEY = "idempotency-SecretKey-9876543210"
POINT: dict[str, Any] = {"latitude": LATITUDE, "longitude": LONGITUDE, "accuracy": 7.5625, "altitude": 1234.4321}
SECRETS = [FCM, IDEMPOTENCY_KEY, "2718281", "7314159", "7.5625", "1234.43"]

# A DBA who looks for something.
LOG_EVERYTHING = {
    "log_statement": "all",
    "log_duration": "on",
    "log_min_duration_statement": "0",
    "log_min_error_statement": "error",
    "log_min_messages": "info",
    "log_lock_waits": "on",
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_nested_statements": "on",
    "pg_stat_statements.track": "all",
}
# What the guide warns of, and what it shows. DETAIL and CONTEXT are where parameters are logged.
DANGERS = {
    "log_error_verbosity = default": "2718281",
    "log_error_verbosity = default, log_parameter_max_length = -1": FCM,
    "log_error_verbosity = default, log_parameter_max_length_on_error = -1": FCM,
    "auto_explain.log_verbose = on": FCM,
}
STATEMENTS = """
    select query from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())
"""
ONE = "/api/v1/locations"
KEYWORDS = ("execute", "duration", "Query Text", "ERROR")


async def set_for(database: Database, settings: dict[str, str]) -> None:
    """Has all later sessions of a database obey these settings of the server."""
    version = int(await database.value("show server_version_num"))
    newer = {"auto_explain.log_parameter_max_length": "0"} if version >= 160000 else {}
    for name, value in (settings | newer).items():
        await database.execute(f"alter database {database.name} set {name} = '{value}'")


@asynccontextmanager
async def log_of(database: Database) -> AsyncIterator[list[str]]:
    """What the server writes to its log meanwhile; there at the end."""
    path = database.cluster.directory / "log"
    start = path.stat().st_size
    written: list[str] = []
    yield written
    mark = uuid.uuid4().hex
    await database.execute(f"do $$ begin raise log '{mark}'; end $$")
    with path.open("rb") as log:
        log.seek(start)
        written.append(log.read().decode(errors="replace"))
    assert mark in written[0]


async def live(database: Database, directory: Path) -> list[str]:
    """Phones send good and bad requests, an operator helps; returns the keys that there are."""
    device = str(uuid.uuid4())
    one = {"device_id": device, "timestamp": now_ms(), **POINT}
    good = orjson.dumps(one)
    # A rule of the tables that the functions do not foresee: PostgreSQL quotes the row.
    await database.execute("alter table core.locations add constraint surprise check (provider <> 'surprise')")
    async with operator_session(database) as operator:
        row = await operator.fetchrow("select * from admin.create_api_key('family', p_rate_limit_per_minute => 0)")
        assert row is not None
        rotated = await operator.fetchval("select api_key from admin.rotate_api_key($1)", row["id"])
        async with serve(database.api_url, directory) as server, server.client(row["api_key"]) as client:
            token = {"fcm_token": FCM}
            answers = [await client.post("/api/v1/devices/register", json=registration(device, "family", **token))]
            for path, body in ((ONE, one), (f"{ONE}/batch", {"device_id": device, "locations": [one, one]})):
                answers.append(await client.post(path, json=body))
                answers.append(await client.post(path, json=body, headers={"Idempotency-Key": IDEMPOTENCY_KEY}))
            answers.append(await client.get("/api/v1/devices", params={"group_id": "family"}))
            bad = (
                orjson.dumps(one | {"latitude": 91.2718281}),
                orjson.dumps(one | {"longitude": f"{LONGITUDE}"}),
                orjson.dumps(one | {"altitude": "1234.4321"}),
                orjson.dumps(one | {"device_id": FCM}),
                orjson.dumps(one | {"device_id": str(uuid.uuid4())}),
                orjson.dumps(one | {"provider": "surprise", "timestamp": now_ms() - 1000}),
                good[:-3],
                good.replace(b"45.2718281", b"45.2718281x"),
                b"[" * 9000 + good,
                good + b"\xff",
            )
            json = {"Content-Type": "application/json"}
            answers += [await client.post(ONE, content=content, headers=json) for content in bad]
            await operator.fetch("select * from admin.recent_points($1)", device)
            await operator.fetch("select * from admin.list_devices()")
            answers.append(await client.get(f"/api/v1/devices/{device}/data-export"))
            answers.append(await client.delete(f"/api/v1/devices/{device}/data"))
    assert {200, 204, 400, 404} <= {answer.status_code for answer in answers}
    return [row["api_key"], rotated]


async def test_nothing_private_is_logged_or_counted(database: Database, tmp_path: Path) -> None:
    await database.execute("create extension pg_stat_statements")
    await set_for(database, LOG_EVERYTHING)
    async with log_of(database) as written:
        keys = await live(database, tmp_path)
    (log,) = written
    assert [word for word in KEYWORDS if word not in log] == [], "it does log all it can"
    assert "api.upload_location" in log
    assert [secret for secret in [*SECRETS, *keys, *(key[8:30] for key in keys)] if secret in log] == []

    rows = await database.fetch(STATEMENTS)
    statements = "\n".join(row["query"] for row in rows)
    assert "api.upload_location" in statements
    assert "insert into core.locations" in statements
    assert [secret for secret in [*SECRETS, *keys] if secret in statements] == []


@pytest.mark.parametrize(("danger", "secret"), DANGERS.items())
async def test_what_the_guide_warns_of_is_a_danger(
    database: Database, tmp_path: Path, danger: str, secret: str
) -> None:
    await set_for(database, LOG_EVERYTHING | dict(setting.split(" = ") for setting in danger.split(", ")))
    async with log_of(database) as written:
        await live(database, tmp_path)
    (log,) = written
    assert secret in log
    assert (FCM in log) == (secret == FCM), "that setting alone shows it"


async def test_the_private_cluster_and_the_guide_have_the_settings(database: Database) -> None:
    guide = (ROOT / "docs" / "operating.md").read_text()
    settings = ("log_statement", "log_parameter_max_length", "log_parameter_max_length_on_error", "log_error_verbosity")
    for name in settings:
        value = await database.value("select current_setting($1)", name)
        assert f"{name} = {value}" in guide or f"{name} = '{value}'" in guide, name


async def test_only_the_hash_of_a_key_reaches_the_database(database: Database, tmp_path: Path) -> None:
    """So how near a wrong key comes to a good one makes no difference to anything that compares it."""
    key = await database.create_key()
    near = [key[:position] + ("B" if key[position] == "A" else "A") + key[position + 1 :] for position in (3, 25, 47)]
    wrong = [*near, f"pm_{uuid.uuid4().hex}{'x' * 13}"]
    verbose = {"log_error_verbosity": "default", "log_parameter_max_length": "-1"}
    await set_for(database, LOG_EVERYTHING | verbose)
    async with log_of(database) as written, serve(database.api_url, tmp_path) as server:
        bodies = set()
        for sent in [key, *wrong]:
            async with server.client(sent) as client:
                answer = await client.get("/api/v1/devices", params={"group_id": "family"})
                assert answer.status_code == (200 if sent == key else 401)
                bodies |= {answer.content} if sent != key else set()
    (log,) = written
    assert len(bodies) == 1
    for sent in [key, *wrong]:
        assert f"$1 = '\\x{sha256(sent.encode()).hexdigest()}'" in log, "the parameters are there to be seen"
        assert sent not in log
        assert sent.encode().hex() not in log
