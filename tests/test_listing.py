"""GET /api/v1/devices: who is listed, in which order, and with which last location."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import TIME, check_headers, check_problem

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

DEVICES = "/api/v1/devices"


async def register(api: httpx.AsyncClient, device_id: str, group: str, **fields: object) -> None:
    answer = await api.post(f"{DEVICES}/register", json=registration(device_id, group, **fields))
    assert answer.status_code == 200, answer.text


async def upload(api: httpx.AsyncClient, device_id: str, body: dict[str, Any]) -> None:
    answer = await api.post("/api/v1/locations", json={"device_id": device_id, **body})
    assert answer.status_code == 200, answer.text


async def listing(api: httpx.AsyncClient, group: str) -> list[dict[str, Any]]:
    answer = await api.get(DEVICES, params={"group_id": group})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"devices"}
    devices: list[dict[str, Any]] = body["devices"]
    return devices


def rfc3339(timestamp: int) -> str:
    moment = datetime.fromtimestamp(timestamp // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp % 1000:03}Z"


async def test_a_device_without_a_point(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await register(api, device_id, group, display_name="Mum")
    (device,) = await listing(api, group)
    assert TIME.fullmatch(device["last_seen_at"])
    seen = await module_database.value("select last_seen_at from core.devices where device_id = $1", device_id)
    assert device == {
        "device_id": device_id,
        "display_name": "Mum",
        "last_location": None,
        "last_seen_at": rfc3339(int(seen.timestamp() * 1000)),
    }


async def test_the_last_location_holds_every_field(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    timestamp = now_ms() // 1000 * 1000 - 60_000 + 7
    sent = point(
        timestamp, altitude=105.25, bearing=359.5, speed=1.25, battery_level=84, provider="gps", network_type="LTE"
    )
    await upload(api, device_id, sent)
    (device,) = await listing(api, group)
    assert device["last_location"] == {
        "latitude": 45.27,
        "longitude": 13.71,
        "accuracy": 5.5,
        "timestamp": rfc3339(timestamp),
        "altitude": 105.25,
        "bearing": 359.5,
        "speed": 1.25,
        "battery_level": 84,
    }
    assert TIME.fullmatch(device["last_location"]["timestamp"])


async def test_what_a_point_lacks_is_null(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    await upload(api, device_id, point(now_ms() - 1000, altitude=1, bearing=2, speed=3, battery_level=4))
    await upload(api, device_id, point(battery_level=-1))
    (device,) = await listing(api, group)
    location = device["last_location"]
    assert [location[name] for name in ("altitude", "bearing", "speed", "battery_level")] == [None] * 4


async def test_the_last_location_is_the_latest_captured_in_whatever_order_points_arrive(
    api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    await register(api, device_id, group)
    now = now_ms()
    expected = []
    for age, latitude in ((3000, 3.0), (1000, 1.0), (2000, 2.0), (4000, 4.0), (0, 0.5)):
        await upload(api, device_id, point(now - age, latitude=latitude))
        (device,) = await listing(api, group)
        expected.append((device["last_location"]["latitude"], device["last_location"]["timestamp"]))
    assert expected == [
        (3.0, rfc3339(now - 3000)),
        (1.0, rfc3339(now - 1000)),
        (1.0, rfc3339(now - 1000)),
        (1.0, rfc3339(now - 1000)),
        (0.5, rfc3339(now)),
    ]


async def test_a_late_point_still_counts_as_seen(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    await upload(api, device_id, point())
    (before,) = await listing(api, group)
    await upload(api, device_id, point(now_ms() - 3_600_000))
    (after,) = await listing(api, group)
    assert after["last_seen_at"] > before["last_seen_at"]
    assert after["last_location"] == before["last_location"]


async def test_a_location_past_its_retention_does_not_show(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await register(api, device_id, group)
    await upload(api, device_id, point())
    for age, shown in (("29 days 23 hours 59 minutes", True), ("30 days 1 second", False)):
        await module_database.value(
            "update core.devices set last_captured_at = now() - $2::text::interval where device_id = $1", device_id, age
        )
        (device,) = await listing(api, group)
        assert (device["last_location"] is not None) is shown, age


async def test_devices_come_by_name_then_by_id(api: httpx.AsyncClient, group: str) -> None:
    ids = sorted(str(uuid.uuid4()) for _ in range(6))
    names = ["Zoe", "anna", "Ärzte", "Anna", "Anna", "Bob"]
    for device_id, name in reversed(list(zip(ids, names, strict=True))):
        await register(api, device_id, group, display_name=name)
    devices = await listing(api, group)
    assert [(device["display_name"], device["device_id"]) for device in devices] == [
        ("Anna", ids[3]), ("Anna", ids[4]), ("Bob", ids[5]), ("Zoe", ids[0]), ("anna", ids[1]), ("Ärzte", ids[2]),
    ]  # fmt: skip


async def test_only_active_devices_of_that_very_group_are_listed(api: httpx.AsyncClient, group: str) -> None:
    stays, leaves, elsewhere, upper = (str(uuid.uuid4()) for _ in range(4))
    await register(api, stays, group)
    await register(api, leaves, group)
    await register(api, elsewhere, f"{group}x")
    await register(api, upper, group.upper())
    assert (await api.delete(f"{DEVICES}/{leaves}")).status_code == 204
    assert [device["device_id"] for device in await listing(api, group)] == [stays]


async def test_an_unknown_group_is_empty(api: httpx.AsyncClient, group: str) -> None:
    answer = await api.get(DEVICES, params={"group_id": group})
    assert (answer.status_code, answer.json()) == (200, {"devices": []})
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    ["", "group_id=", "group_id=g", "group_id=" + "g" * 51, "group_id=a%20b", "group_id=ab%0A", "group_id=a%ffb",
     "group_id=gro%C3%9F", "group_id[]=ab", "Group_id=ab", "device_id=ab", "group_id", "=&&=", "group_id=ab&group_id=x",
     "group_id=" + "g" * 20_000],
)  # fmt: skip
async def test_a_missing_or_malformed_group_is_400(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"{DEVICES}?{query}")
    check_problem(answer, 400, message="The request has invalid fields.", fields=["group_id"])


async def test_other_parameters_are_ignored(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    answer = await api.get(f"{DEVICES}?limit=0&group_id={group}&device_id=%00&active=false")
    assert answer.status_code == 200
    assert [device["device_id"] for device in answer.json()["devices"]] == [device_id]


async def test_content_type_json_without_a_body_is_welcome(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    answer = await api.get(DEVICES, params={"group_id": group}, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert len(answer.json()["devices"]) == 1


async def test_a_full_group_is_listed_whole(api: httpx.AsyncClient, module_database: Database, group: str) -> None:
    ids = sorted(str(uuid.uuid4()) for _ in range(20))
    for device_id in ids:
        await register(api, device_id, group)
        await upload(api, device_id, point())
    devices = await listing(api, group)
    assert [device["device_id"] for device in devices] == ids
    assert all(device["last_location"]["longitude"] == 13.71 for device in devices)
    assert await module_database.value("select count(*) from core.devices where group_id = $1", group) == 20


async def test_the_group_in_a_body_does_not_count(api: httpx.AsyncClient, group: str) -> None:
    answer = await api.request("GET", DEVICES, json={"group_id": group})
    check_problem(answer, 400, fields=["group_id"])
