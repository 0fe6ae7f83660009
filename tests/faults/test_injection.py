"""SQL in every input: stored as it came, or refused; never run."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.contract import check_any_problem, check_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

RAN = "create table public.injected()"
SQL = [
    "'",
    "''",
    '"',
    "\\'",
    "$$",
    "$1",
    "%s%(x)s{0}",
    "' or '1'='1",
    "' or 1=1 --",
    f"'; {RAN}; --",
    f'"; {RAN}; --',
    f"$$; {RAN}; $$",
    f"\\'; {RAN}; --",
    f"')::jsonb); {RAN}; --",
    f"'); {RAN}; /*",
    "' || (select set_config('pm.test_now', '2000-01-01', false)) || '",
    "'; select pg_sleep(3600); --",
    "' union select key_hash from core.api_keys --",
    "\u02bc; drop schema core cascade; --",
    "\u00bf'; drop schema core cascade; --",
    "E'\\x27; drop schema core cascade; --",
]
REGISTER, ONE, BATCH = "/api/v1/devices/register", "/api/v1/locations", "/api/v1/locations/batch"
SCHEMA = """
    select string_agg(n.nspname || '.' || c.relname || c.relkind::text, ' ' order by n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_'
"""
KEPT = """
    select (select count(*) from core.api_keys), (select count(*) from core.devices where device_id::text = any($1))
"""


@pytest_asyncio.fixture(scope="module")
async def admin(server: Server, module_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose key may do everything."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")
    async with server.client(await module_database.create_key(admin=True)) as client:
        yield client


@pytest_asyncio.fixture(autouse=True)
async def nothing_ran(module_database: Database, device_id: str, group: str) -> AsyncIterator[None]:
    """The schema is as before, and so are the keys and the device."""
    await module_database.call("register_device", registration(device_id, group))
    before = await module_database.value(SCHEMA), (await module_database.fetch(KEPT, [device_id]))[0]
    yield
    after = await module_database.value(SCHEMA), (await module_database.fetch(KEPT, [device_id]))[0]
    assert after == before


def check(answer: httpx.Response, *statuses: int) -> None:
    check_headers(answer)
    assert answer.status_code in statuses, answer.text
    if answer.status_code >= 400:
        check_any_problem(answer)
        assert "syntax" not in answer.text


@pytest.mark.parametrize("sql", SQL)
async def test_in_addresses(admin: httpx.AsyncClient, device_id: str, group: str, sql: str) -> None:
    for text in (sql, device_id + sql):
        status = 404 if "/" in text else 400  # it divides a path, however written
        check(await admin.delete(f"/api/v1/devices/{quote(text, safe='')}"), status)
        check(await admin.get(f"/api/v1/devices/{quote(text, safe='')}/data-export"), status)
        check(await admin.delete(f"/api/v1/devices/{quote(text, safe='')}/data"), status)
    for text in (sql, group + sql):
        check(await admin.get("/api/v1/devices", params={"group_id": text}), 400)
    for text in (sql, "3650" + sql):
        check(await admin.delete("/api/v1/admin/devices/inactive", params={"older_than_days": text}), 400)
    check(await admin.get("/api/v1/devices", params={"group_id": group, sql: sql}), 200)


@pytest.mark.parametrize("sql", [sql for sql in SQL if sql.isascii()])
async def test_in_headers(
    server: Server, admin: httpx.AsyncClient, module_database: Database, device_id: str, group: str, sql: str
) -> None:
    async with server.client() as client:
        for key in (sql, f"pm_{sql}".ljust(48, "a")[:48], admin.headers["X-API-Key"] + sql):
            check(await client.get(f"/api/v1/devices?group_id={group}", headers={"X-API-Key": key}), 401)
    body = {"device_id": device_id, **point()}
    for replayed in (False, True):
        answer = await admin.post(ONE, json=body, headers={"Idempotency-Key": sql})
        check(answer, 200)
        assert ("Idempotent-Replayed" in answer.headers) == replayed
    for name in ("X-Request-ID", "User-Agent", "Cookie", "Accept-Encoding", "Origin", "X-Forwarded-For"):
        check(await admin.get(f"/api/v1/devices/{device_id}/data-export", headers={name: sql}), 200)
    visible = sql.replace(" ", "")
    answer = await admin.get(f"/api/v1/devices/{device_id}/data-export", headers={"X-Request-ID": visible})
    assert answer.headers["X-Request-ID"] == visible
    assert await module_database.value("select exists (select from core.audit_log where request_id = $1)", visible)


@pytest.mark.parametrize("sql", SQL)
async def test_in_registrations(
    admin: httpx.AsyncClient, module_database: Database, device_id: str, group: str, sql: str
) -> None:
    name = f"x{sql}"[:50].strip()
    sent = registration(device_id, group, display_name=name, platform=sql[:20], fcm_token=sql) | {sql: sql}
    check(await admin.post(REGISTER, json=sent), 200)
    stored = await module_database.fetch(
        "select display_name, platform, fcm_token from core.devices where device_id::text = $1", device_id
    )
    assert [tuple(row) for row in stored] == [(name, sql[:20], sql)]
    (listed,) = (await admin.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    assert listed["display_name"] == name
    for field in ("device_id", "group_id"):
        check(await admin.post(REGISTER, json=sent | {field: sql}), 400)
        check(await admin.post(REGISTER, json=sent | {field: f"{sent[field]}{sql}"}), 400)


@pytest.mark.parametrize("sql", SQL)
@pytest.mark.parametrize("path", [ONE, BATCH])
async def test_in_points(
    admin: httpx.AsyncClient, module_database: Database, device_id: str, path: str, sql: str
) -> None:
    text = sql[:50]

    def upload(**fields: Any) -> dict[str, Any]:
        one = point(now_ms(), provider=text, network_type=text) | {sql: sql} | fields
        return {"device_id": device_id, **(one if path == ONE else {"locations": [one], sql: sql})}

    check(await admin.post(path, json=upload()), 200)
    exported = (await admin.get(f"/api/v1/devices/{device_id}/data-export")).json()["locations"]
    assert [(one["provider"], one["network_type"]) for one in exported] == [(text, text)]
    for field in ("timestamp", "latitude", "longitude", "accuracy", "altitude", "bearing", "speed", "battery_level"):
        check(await admin.post(path, json=upload(**{field: sql})), 400)
    check(await admin.post(path, json=upload() | {"device_id": sql}), 400)
    check(await admin.post(path, json=upload() | {"device_id": str(uuid.uuid4())}), 404)
    assert await module_database.value("select count(*) from core.locations where device_id::text = $1", device_id) == 1
