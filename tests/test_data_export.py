"""GET /api/v1/devices/{device_id}/data-export: all that is stored of a device, as it was at one moment."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.contract import TIME, check_headers, check_problem
from tests.exports import device_with_points, export_path, start_export
from tests.server import serve

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.cluster import Database
    from tests.server import Server

REGISTER = "/api/v1/devices/register"
AUDIT = """
    select api_key_id, action, resource_type, host(ip_address) as ip, request_id, metadata
    from core.audit_log where resource_id = $1 order by id
"""
ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_hourly_limit(module_database: Database) -> None:
    """Exports as often as the tests like."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")


async def export(api: httpx.AsyncClient, device: str) -> dict[str, Any]:
    answer = await api.get(export_path(device))
    assert answer.status_code == 200, answer.text
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"
    exported = answer.json()
    assert isinstance(exported, dict)
    assert list(exported) == ["device", "retention_days", "export_timestamp", "locations", "location_count"]
    assert exported["location_count"] == len(exported["locations"])
    assert exported["retention_days"] == 30
    assert TIME.fullmatch(exported["export_timestamp"])
    captured = [location["captured_at"] for location in exported["locations"]]
    assert captured == sorted(set(captured)), "the oldest first, each once"
    return exported


def rfc3339(moment: datetime.datetime) -> str:
    """A time as the API writes it."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_every_field(api: httpx.AsyncClient, module_database: Database, device_id: str, group: str) -> None:
    body = registration(device_id, group, display_name='Tea "T" \\ ☕', platform="ios", fcm_token="token/1")  # noqa: S106
    registered = (await api.post(REGISTER, json=body)).json()
    newest = now_ms()
    full = point(newest, altitude=-1.5, bearing=359.9, speed=33.3, battery_level=7, provider='"gps"', network_type="5Ğ")
    older = point(newest - 86_400_000, latitude=-33.8688197, longitude=151.2092955)
    for one in (full, older):
        assert (await api.post("/api/v1/locations", json={"device_id": device_id, **one})).status_code == 200
    (listed,) = (await api.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    created = [
        rfc3339(row["created_at"])
        for row in await module_database.fetch(
            "select created_at from core.locations where device_id = $1 order by captured_at", device_id
        )
    ]

    exported = await export(api, device_id)
    assert exported["device"] == {
        **registered,
        "platform": "ios",
        "fcm_token": "token/1",
        "active": True,
        "last_seen_at": listed["last_seen_at"],
        "last_location": listed["last_location"],
    }
    unknown = dict.fromkeys(("altitude", "bearing", "speed", "battery_level", "provider", "network_type"))
    assert exported["locations"] == [
        {**unknown, **sent, "captured_at": rfc3339(moment), "created_at": stored}
        for (sent, moment), stored in zip(
            (({name: one[name] for name in one if name != "timestamp"}, moment_of(one)) for one in (older, full)),
            created,
            strict=True,
        )
    ]


def moment_of(sent: dict[str, Any]) -> datetime.datetime:
    """When a point was captured."""
    return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=sent["timestamp"])


async def test_a_device_without_points(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await api.post(REGISTER, json=registration(device_id, group))
    exported = await export(api, device_id)
    assert exported["device"]["last_location"] is None
    assert exported["locations"] == []


async def test_an_inactive_device(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await api.post(REGISTER, json=registration(device_id, group))
    await api.post("/api/v1/locations", json={"device_id": device_id, **point()})
    assert (await api.delete(f"/api/v1/devices/{device_id}")).status_code == 204
    exported = await export(api, device_id.upper())
    assert (exported["device"]["device_id"], exported["device"]["active"]) == (device_id, False)
    assert exported["location_count"] == 1


async def test_points_past_their_retention_are_not_there(api: httpx.AsyncClient, module_database: Database) -> None:
    device = await device_with_points(module_database, 3)
    await module_database.value(
        "update core.locations set captured_at = captured_at - interval '30 days' where device_id = $1 and speed = 1",
        device,
    )
    assert [location["speed"] for location in (await export(api, device))["locations"]] == [3, 2]


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 3500])
async def test_pages_join_without_a_seam(api: httpx.AsyncClient, module_database: Database, count: int) -> None:
    device = await device_with_points(module_database, count)
    assert (await export(api, device))["location_count"] == count


async def test_it_is_compressed_if_accepted(api: httpx.AsyncClient, module_database: Database) -> None:
    device = await device_with_points(module_database, 2500)
    plain, compressed = [
        await api.get(export_path(device), headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")
    ]
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in compressed.headers["Vary"]
    assert compressed.json()["locations"] == plain.json()["locations"]
    assert compressed.num_bytes_downloaded * 3 < plain.num_bytes_downloaded
    check_headers(compressed)


async def test_it_shows_one_moment(api: httpx.AsyncClient, server: Server, module_database: Database) -> None:
    """Points that come, and an erasure, while it is under way change nothing of it."""
    device = await device_with_points(module_database, 20_000)
    async with start_export(server, api.headers["X-API-Key"], device) as reading:
        batch = {"device_id": device, "locations": [point(), point(now_ms() - 29 * 86_400_000)]}
        answer = await api.post("/api/v1/locations/batch", json=batch)
        assert answer.json() == {"success": True, "processed_count": 2}
        assert (await api.delete(f"/api/v1/devices/{device}/data")).status_code == 204
        received = b""
        while data := await reading.read():
            received += data
    assert received.count(b'"captured_at"') > 19_000
    assert received.endswith(b'\r\n], "location_count" : 20000}\r\n0\r\n\r\n')
    check_problem(await api.get(export_path(device)), 404, message="Device not found.")


# Refusals, HEAD, HTTP/1.0 --------------------------------------------------------------------------------------------


async def test_an_unknown_device(api: httpx.AsyncClient, module_database: Database, device_id: str) -> None:
    check_problem(await api.get(export_path(device_id)), 404, message="Device not found.")
    assert await module_database.fetch(AUDIT, device_id) == []


@pytest.mark.parametrize("bad", ["x", "null", ID.replace("-", ""), f"{ID}%20", "%ff", "%zz", "%00", "register"])
async def test_what_is_no_uuid(api: httpx.AsyncClient, bad: str) -> None:
    check_problem(await api.get(export_path(bad)), 400, fields=["device_id"])


async def test_head_would_audit_what_is_not_sent(api: httpx.AsyncClient, module_database: Database) -> None:
    device = await device_with_points(module_database, 1)
    answer = await api.head(export_path(device))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert await module_database.fetch(AUDIT, device) == []


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_http_1_0_has_no_chunks(
    api: httpx.AsyncClient, server: Server, module_database: Database, coding: str
) -> None:
    device = await device_with_points(module_database, 2500)
    lines = (
        f"GET {export_path(device)} HTTP/1.0",
        f"X-API-Key: {api.headers['X-API-Key']}",
        f"Accept-Encoding: {coding}",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"\r\nconnection: close" in head
    exported = json.loads(gzip.decompress(body) if coding == "gzip" else body)
    assert exported["location_count"] == len(exported["locations"]) == 2500


# Audit and limit ------------------------------------------------------------------------------------------------------


async def test_who_took_the_data_out_is_in_the_audit_log(api: httpx.AsyncClient, module_database: Database) -> None:
    device = await device_with_points(module_database, 1)
    answer = await api.get(export_path(device), headers={"X-Request-ID": "export-1"})
    assert answer.headers["X-Request-ID"] == "export-1"
    (row,) = await module_database.fetch(AUDIT, device)
    key_id = await module_database.value(
        "select id from core.api_keys where key_hash = sha256(convert_to($1, 'UTF8'))", api.headers["X-API-Key"]
    )
    assert dict(row) == {
        "api_key_id": key_id,
        "action": "export_device",
        "resource_type": "device",
        "ip": "127.0.0.1",
        "request_id": "export-1",
        "metadata": "{}",
    }


async def test_ten_exports_and_erasures_an_hour(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    """The limit is of both together, whatever limit a key has for other routes; other routes do not count."""
    await database.call("register_device", registration(device_id, group))
    key = await database.create_key(rate_limit=1000)
    async with serve(database.api_url, tmp_path) as server, server.client(key) as client:
        erasure = f"/api/v1/devices/{ID}/data"
        for number in range(10):
            answer = await (client.delete(erasure) if number % 2 else client.get(export_path(device_id)))
            assert answer.status_code == (404 if number % 2 else 200)
            assert answer.headers["RateLimit-Limit"] == "10"
            assert answer.headers["RateLimit-Remaining"] == str(9 - number)
        for answer in (await client.delete(f"/api/v1/devices/{device_id}/data"), await client.get(export_path(ID))):
            body = check_problem(answer, 429, message="The limit of 10 requests is reached.")
            assert 3500 <= body["retry_after"] <= 3660
        assert (await client.get("/api/v1/devices", params={"group_id": group})).json()["devices"], "nothing was erased"
        assert await database.value("select count(*) from core.audit_log where action = 'export_device'") == 5
