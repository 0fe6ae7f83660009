"""POST /api/v1/locations/batch: all points or none, every bad field told, duplicates counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem
from tests.field_rules import BAD_POINT, MISSING, NOT_STRINGS, cases, replaced

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

BATCH = "/api/v1/locations/batch"


def points(count: int, **fields: object) -> list[dict[str, Any]]:
    """Points a second apart, the latest last and captured now; each has its position as latitude."""
    now = now_ms()
    return [point(now - (count - 1 - n) * 1000, latitude=n, **fields) for n in range(count)]


async def upload(api: httpx.AsyncClient, device: str, locations: list[dict[str, Any]]) -> dict[str, Any]:
    answer = await api.post(BATCH, json={"device_id": device, "locations": locations})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def latitudes(database: Database, device: str) -> list[float]:
    rows = await database.fetch("select latitude from core.locations where device_id = $1 order by captured_at", device)
    return [row["latitude"] for row in rows]


async def last_latitude(api: httpx.AsyncClient, group: str) -> object:
    (device,) = (await api.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    return device["last_location"]["latitude"]


@pytest.mark.parametrize("count", [1, 2, 50])
async def test_a_batch_is_stored_whole(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str, count: int
) -> None:
    sent = points(count, battery_level=50, provider="gps", network_type=None, transportation_mode=3)
    answer = await api.post(BATCH, json={"device_id": device, "locations": sent, "trip_id": None})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "processed_count": count})
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"

    rows = await module_database.fetch(
        """select (extract(epoch from captured_at) * 1000)::bigint as timestamp, latitude, longitude, accuracy,
               altitude, bearing, speed, provider, network_type, battery_level
           from core.locations where device_id = $1 order by captured_at""",
        device,
    )
    absent = {"altitude": None, "bearing": None, "speed": None}
    expected = [absent | replaced(one, "transportation_mode", MISSING) for one in sent]
    assert [dict(row) for row in rows] == expected
    assert await last_latitude(api, group) == count - 1


async def test_the_order_of_the_points_does_not_matter(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str
) -> None:
    sent = points(5)
    await upload(api, device, [sent[n] for n in (2, 4, 0, 3, 1)])
    assert await latitudes(module_database, device) == [0, 1, 2, 3, 4]
    assert await last_latitude(api, group) == 4


async def test_an_older_batch_leaves_the_last_location(api: httpx.AsyncClient, device: str, group: str) -> None:
    await upload(api, device, points(1, accuracy=7))
    await upload(api, device, [point(now_ms() - 60_000 - n * 1000, latitude=-n) for n in range(1, 4)])
    assert await last_latitude(api, group) == 0


async def test_the_device_ids_of_points_are_ignored(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    ids = ["6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "nonsense", None]
    sent = [{**one, "device_id": other} for one, other in zip(points(3), ids, strict=True)]
    assert await upload(api, device, sent) == {"success": True, "processed_count": 3}
    assert await latitudes(module_database, device) == [0, 1, 2]


@pytest.mark.parametrize(("field", "value"), cases({field: values[::3] for field, values in BAD_POINT.items()}))
async def test_one_bad_point_refuses_the_batch(
    api: httpx.AsyncClient, module_database: Database, device: str, field: str, value: object
) -> None:
    sent = points(4)
    sent[2] = replaced(sent[2], field, value)
    answer = await api.post(BATCH, json={"device_id": device, "locations": sent})
    check_problem(answer, 400, message="The request has invalid fields.", fields=[f"locations[2].{field}"])
    assert await latitudes(module_database, device) == []


async def test_every_bad_field_of_every_point_is_told(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    sent = points(50)
    sent[0] = {}
    sent[3].update(latitude=91, speed=-1)
    sent[10]["battery_level"] = 101
    sent[11:14] = [None, [], "text"]  # type: ignore[list-item]
    sent[49].update(timestamp=1, provider="p" * 51, network_type=5)
    answer = await api.post(BATCH, json={"device_id": "x", "locations": sent})
    check_problem(answer, 400, fields=[
        "device_id",
        "locations[0].timestamp", "locations[0].latitude", "locations[0].longitude", "locations[0].accuracy",
        "locations[3].latitude", "locations[3].speed",
        "locations[10].battery_level",
        "locations[11]", "locations[12]", "locations[13]",
        "locations[49].timestamp", "locations[49].provider", "locations[49].network_type",
    ])  # fmt: skip
    assert await latitudes(module_database, device) == []


async def test_all_fields_of_all_points_bad(api: httpx.AsyncClient, device: str) -> None:
    wrong = dict.fromkeys(BAD_POINT, "x") | {"provider": 1, "network_type": 1}
    answer = await api.post(BATCH, json={"device_id": device, "locations": [wrong] * 50})
    expected = [f"locations[{n}].{field}" for n in range(50) for field in BAD_POINT]
    check_problem(answer, 400, fields=expected)


@pytest.mark.parametrize(
    "locations",
    [None, *(value for value in NOT_STRINGS if not isinstance(value, list)), "", [], [None], [1], [[]]],
    ids=ascii,
)
async def test_what_is_no_list_of_points_is_400(api: httpx.AsyncClient, device: str, locations: object) -> None:
    answer = await api.post(BATCH, json={"device_id": device, "locations": locations})
    element = isinstance(locations, list) and locations != []
    check_problem(answer, 400, fields=["locations[0]" if element else "locations"])


async def test_a_missing_list_and_device(api: httpx.AsyncClient) -> None:
    check_problem(await api.post(BATCH, json={}), 400, fields=["device_id", "locations"])


@pytest.mark.parametrize("count", [0, 51, 5000])
async def test_the_size_has_bounds(api: httpx.AsyncClient, module_database: Database, device: str, count: int) -> None:
    sent = [{"timestamp": now_ms() - n, "latitude": 1, "longitude": 2, "accuracy": 3} for n in range(count)]
    answer = await api.post(BATCH, json={"device_id": device, "locations": sent})
    body = check_problem(answer, 400, fields=["locations"])
    assert body["details"][0]["message"] == "must hold 1 to 50 points"
    assert await latitudes(module_database, device) == []


async def test_points_already_there_are_counted_as_duplicates(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    sent = points(5)
    assert await upload(api, device, sent[:3]) == {"success": True, "processed_count": 3}
    assert await upload(api, device, sent) == {"success": True, "processed_count": 5, "duplicate_count": 3}
    assert await upload(api, device, sent) == {"success": True, "processed_count": 5, "duplicate_count": 5}
    assert await latitudes(module_database, device) == [0, 1, 2, 3, 4]


async def test_a_single_upload_and_a_batch_share_their_points(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    (one,) = points(1)
    await upload(api, device, [one])
    answer = await api.post("/api/v1/locations", json={"device_id": device, **one})
    assert answer.json() == {"success": True, "processed_count": 1, "duplicate_count": 1}
    assert await latitudes(module_database, device) == [0]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
async def test_points_of_one_time_within_a_batch(
    api: httpx.AsyncClient, module_database: Database, device: str, group: str, order: tuple[int, ...]
) -> None:
    now = now_ms()
    sent = [point(now, latitude=latitude) for latitude in order]
    assert await upload(api, device, sent) == {"success": True, "processed_count": 3, "duplicate_count": 2}
    stored = await latitudes(module_database, device)
    assert len(stored) == 1
    assert await last_latitude(api, group) == stored[0], "the last location is the point that was stored"


async def test_an_unknown_or_inactive_device_is_404(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    message = "Device not found. Please register first."
    unknown = {"device_id": "00000000-0000-4000-8000-000000000000", "locations": points(2)}
    check_problem(await api.post(BATCH, json=unknown), 404, message=message)
    await api.delete(f"/api/v1/devices/{device}")
    inactive = {"device_id": device, "locations": points(2)}
    check_problem(await api.post(BATCH, json=inactive), 404, message=message)
    inactive["locations"] = [{}]
    assert (await api.post(BATCH, json=inactive)).status_code == 400
    assert await latitudes(module_database, device) == []


async def test_the_bound_is_a_setting(database: Database, device_id: str, group: str) -> None:
    await database.execute("update core.settings set max_batch_size = 2")
    await database.call("register_device", registration(device_id, group))
    request = {"device_id": device_id, "locations": points(2)}
    assert (await database.call("upload_locations", request, {}))["processed_count"] == 2
    request["locations"] = points(3)
    with pytest.raises(asyncpg.PostgresError, match="invalid fields"):
        await database.call("upload_locations", request, {})


async def test_batches_of_one_device_at_once(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    sent = points(50)
    answers = await asyncio.gather(*(upload(api, device, sent[n * 5 : n * 5 + 10]) for n in range(9)))
    assert sum(answer["processed_count"] for answer in answers) == 90
    assert sum(answer.get("duplicate_count", 0) for answer in answers) == 40
    assert await latitudes(module_database, device) == list(range(50))
