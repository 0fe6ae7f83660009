"""POST /api/v1/locations: the rules of a point's fields, what is stored, and points that come twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem
from tests.field_rules import BAD_DEVICE_IDS, BAD_POINT, GOOD_POINT, MISSING, OPTIONAL_OF_POINT, cases, replaced

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

LOCATIONS = "/api/v1/locations"
DAY_MS = 86_400_000
UNKNOWN = "Device not found. Please register first."
STORED = """select latitude, longitude, accuracy, altitude, bearing, speed, provider, network_type, battery_level
            from core.locations where device_id = $1"""


async def upload(api: httpx.AsyncClient, device: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(LOCATIONS, json={"device_id": device, **body})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def count(database: Database, device: str) -> int:
    return int(await database.value("select count(*) from core.locations where device_id = $1", device))


async def test_a_point_is_stored_with_every_field(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    timestamp = now_ms() - 1234
    sent = {
        "latitude": 45.123456789012,
        "longitude": -13.710000000001,
        "accuracy": 4.25,
        "altitude": 105.1,
        "bearing": 90.5,
        "speed": 1.75,
        "provider": "fused",
        "network_type": "WIFI",
        "battery_level": 84,
    }
    before = await module_database.value("select clock_timestamp()")
    answer = await api.post(LOCATIONS, json={"device_id": device, "timestamp": timestamp, **sent})
    after = await module_database.value("select clock_timestamp()")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "processed_count": 1})
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"

    (row,) = await module_database.fetch(STORED, device)
    assert dict(row) == sent
    (times,) = await module_database.fetch(
        """select l.captured_at, l.created_at, d.last_seen_at, d.updated_at
           from core.locations l join core.devices d using (device_id) where device_id = $1""",
        device,
    )
    whole_second = datetime.fromtimestamp(timestamp // 1000, UTC)
    assert times["captured_at"] == whole_second.replace(microsecond=timestamp % 1000 * 1000)
    assert before <= times["created_at"] == times["last_seen_at"] <= after
    assert times["updated_at"] < before


@pytest.mark.parametrize(("field", "value"), cases({"device_id": BAD_DEVICE_IDS, **BAD_POINT}))
async def test_a_broken_rule_is_400_and_stores_nothing(
    api: httpx.AsyncClient, module_database: Database, device: str, field: str, value: object
) -> None:
    answer = await api.post(LOCATIONS, json=replaced({"device_id": device, **point()}, field, value))
    check_problem(answer, 400, message="The request has invalid fields.", fields=[field])
    (row,) = await module_database.fetch(
        """select last_seen_at = created_at as unseen,
               exists (select from core.locations where device_id = $1) as stored
           from core.devices where device_id = $1""",
        device,
    )
    assert (row["unseen"], row["stored"]) == (True, False)


async def test_all_broken_rules_are_told_at_once(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    bad = {
        "device_id": "x", "timestamp": "x", "latitude": 91, "longitude": -181, "accuracy": -1, "altitude": "x",
        "bearing": 361, "speed": -1, "provider": 1, "network_type": "n" * 51, "battery_level": 101,
    }  # fmt: skip
    check_problem(await api.post(LOCATIONS, json=bad), 400, fields=list(bad))
    required = ["device_id", "timestamp", "latitude", "longitude", "accuracy"]
    check_problem(await api.post(LOCATIONS, json={}), 400, fields=required)
    two = {"device_id": device, **point(latitude=None, speed="fast")}
    check_problem(await api.post(LOCATIONS, json=two), 400, fields=["latitude", "speed"])
    assert await count(module_database, device) == 0


@pytest.mark.parametrize(("field", "value"), cases(GOOD_POINT))
async def test_values_within_the_rules_are_stored(
    api: httpx.AsyncClient, module_database: Database, device: str, field: str, value: object
) -> None:
    given, expected = value if isinstance(value, tuple) else (value, None if value is MISSING else value)
    await upload(api, device, replaced(point(), field, given))
    (row,) = await module_database.fetch(STORED, device)
    if field in ("accuracy", "speed") and expected is not None:
        assert row[field] == pytest.approx(expected, rel=1e-7)  # a float4
    else:
        assert row[field] == expected


async def test_explicit_nulls_are_absent_fields(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    await upload(api, device, point(**dict.fromkeys(OPTIONAL_OF_POINT)))
    (row,) = await module_database.fetch(STORED, device)
    assert {name: row[name] for name in OPTIONAL_OF_POINT} == dict.fromkeys(OPTIONAL_OF_POINT)


async def test_unknown_fields_are_ignored(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    extra: dict[str, object] = {
        "transportation_mode": 5,
        "detection_source": None,
        "trip_id": "x" * 5000,
        "created_at": 1,
        "id": [{}],
    }
    assert await upload(api, device, {**point(), **extra}) == {"success": True, "processed_count": 1}
    assert await count(module_database, device) == 1


@pytest.mark.parametrize("offset", [-30 * DAY_MS + 60_000, -30 * DAY_MS + 5_000, -DAY_MS, 0, 290_000, 297_000])
async def test_capture_times_within_the_window(
    api: httpx.AsyncClient, module_database: Database, device: str, offset: int
) -> None:
    timestamp = now_ms() + offset
    await upload(api, device, point(timestamp))
    stored = "select (extract(epoch from captured_at) * 1000)::bigint from core.locations where device_id = $1"
    assert await module_database.value(stored, device) == timestamp


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (-30 * DAY_MS - 1, "must not be older than 30 days"),
        (-31 * DAY_MS, "must not be older than 30 days"),
        (303_000, "must not be more than 300 seconds in the future"),
        (DAY_MS, "must not be more than 300 seconds in the future"),
    ],
)
async def test_capture_times_outside_the_window(
    api: httpx.AsyncClient, module_database: Database, device: str, offset: int, message: str
) -> None:
    answer = await api.post(LOCATIONS, json={"device_id": device, **point(now_ms() + offset)})
    body = check_problem(answer, 400, fields=["timestamp"])
    assert body["details"][0]["message"] == message
    assert await count(module_database, device) == 0


@pytest.mark.parametrize("text", ["{0}", "{0}.0", "{0}e0", "{0}000e-3"])
async def test_a_whole_number_is_an_integer_however_written(
    api: httpx.AsyncClient, module_database: Database, device: str, text: str
) -> None:
    body = '{{"device_id": "{}", "timestamp": {}, "latitude": 1, "longitude": 2.0, "accuracy": 5e-1}}'
    content = body.format(device, text.format(now_ms()))
    answer = await api.post(LOCATIONS, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    (row,) = await module_database.fetch(STORED, device)
    assert (row["latitude"], row["longitude"], row["accuracy"]) == (1, 2, 0.5)


async def test_a_point_sent_again_is_counted_but_not_stored_again(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    first = point(now_ms() - 5000)
    assert await upload(api, device, first) == {"success": True, "processed_count": 1}
    (before,) = await module_database.fetch("select * from core.devices where device_id = $1", device)

    again = {"success": True, "processed_count": 1, "duplicate_count": 1}
    assert await upload(api, device, first) == again
    assert await upload(api, device, {**first, "latitude": 1.0, "battery_level": 7}) == again  # it is its time
    (row,) = await module_database.fetch(STORED, device)
    assert (row["latitude"], row["battery_level"]) == (45.27, None)
    (after,) = await module_database.fetch("select * from core.devices where device_id = $1", device)
    assert after["last_seen_at"] > before["last_seen_at"]
    assert after["last_latitude"] == 45.27

    other = {**first, "timestamp": first["timestamp"] + 1}
    assert await upload(api, device, other) == {"success": True, "processed_count": 1}
    assert await count(module_database, device) == 2


async def test_one_time_of_two_devices_is_two_points(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    other = "f" + device[1:] if device[0] != "f" else "0" + device[1:]
    await api.post("/api/v1/devices/register", json=registration(other, group))
    same = point()
    for name in (device, other):
        assert await upload(api, name, same) == {"success": True, "processed_count": 1}
        assert await count(module_database, name) == 1


async def test_an_unknown_device_is_404(api: httpx.AsyncClient, module_database: Database, device_id: str) -> None:
    answer = await api.post(LOCATIONS, json={"device_id": device_id, **point()})
    check_problem(answer, 404, message=UNKNOWN)
    assert await count(module_database, device_id) == 0


async def test_bad_data_are_400_even_for_an_unknown_device(api: httpx.AsyncClient, device_id: str) -> None:
    answer = await api.post(LOCATIONS, json={"device_id": device_id, **point(latitude=91)})
    check_problem(answer, 400, fields=["latitude"])


async def test_an_upper_case_device_id_is_the_same_device(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    await upload(api, device.upper(), point())
    assert await count(module_database, device) == 1


async def test_a_day_without_a_partition_loses_no_point(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    timestamp = now_ms() - 20 * DAY_MS
    day = datetime.fromtimestamp(timestamp / 1000, UTC)
    await module_database.execute(f"drop table core.locations_{day:%Y%m%d}")
    assert await upload(api, device, point(timestamp)) == {"success": True, "processed_count": 1}
    assert (await upload(api, device, point(timestamp)))["duplicate_count"] == 1
    assert await count(module_database, device) == 1
