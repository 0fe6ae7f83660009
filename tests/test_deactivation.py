"""DELETE /api/v1/devices/{device_id}: the device leaves the listing and frees its place, its data stay."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

DEVICES = "/api/v1/devices"
ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


async def register(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    answer = await api.post(f"{DEVICES}/register", json=registration(device_id, group))
    assert answer.status_code == 200, answer.text


async def listed(api: httpx.AsyncClient, group: str) -> list[str]:
    answer = await api.get(DEVICES, params={"group_id": group})
    return [device["device_id"] for device in answer.json()["devices"]]


async def test_the_device_leaves_and_its_data_stay(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    other = str(uuid.uuid4())
    await register(api, device_id, group)
    await register(api, other, group)
    for age in (0, 1000):
        await api.post("/api/v1/locations", json={"device_id": device_id, **point(now_ms() - age)})
    row = "select * from core.devices where device_id = $1"
    (before,) = await module_database.fetch(row, device_id)

    answer = await api.delete(f"{DEVICES}/{device_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    check_headers(answer)

    assert await listed(api, group) == [other]
    (after,) = await module_database.fetch(row, device_id)
    assert after["active"] is False
    assert after["updated_at"] > before["updated_at"]
    unchanged = set(before.keys()) - {"active", "updated_at"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert await module_database.value("select count(*) from core.locations where device_id = $1", device_id) == 2


async def test_a_second_time_is_404(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await register(api, device_id, group)
    assert (await api.delete(f"{DEVICES}/{device_id}")).status_code == 204
    updated = await module_database.value("select updated_at from core.devices where device_id = $1", device_id)
    check_problem(await api.delete(f"{DEVICES}/{device_id}"), 404, message="Device not found.")
    assert updated == await module_database.value("select updated_at from core.devices where device_id = $1", device_id)


async def test_an_unknown_device_is_404(api: httpx.AsyncClient, device_id: str) -> None:
    check_problem(await api.delete(f"{DEVICES}/{device_id}"), 404, message="Device not found.")


@pytest.mark.parametrize(
    "bad",
    ["x", "null", ID.replace("-", ""), f"%7B{ID}%7D", ID[:-1], f"{ID}0", f"{ID}%20", f"{ID}%0A", "%ff", "%zz",
     "%F0%9F%98%80", "a" * 20_000, "register"],
)  # fmt: skip
async def test_what_is_no_uuid_is_400(api: httpx.AsyncClient, bad: str) -> None:
    answer = await api.delete(f"{DEVICES}/{bad}")
    check_problem(answer, 400, message="The request has invalid fields.", fields=["device_id"])


async def test_an_upper_case_id_is_the_same_device(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    await register(api, device_id, group)
    assert (await api.delete(f"{DEVICES}/{device_id.upper()}")).status_code == 204
    assert await listed(api, group) == []


async def test_it_frees_a_place_in_a_full_group(api: httpx.AsyncClient, group: str) -> None:
    ids = [str(uuid.uuid4()) for _ in range(21)]
    for device_id in ids[:20]:
        await register(api, device_id, group)
    last = registration(ids[20], group)
    check_problem(await api.post(f"{DEVICES}/register", json=last), 409)
    assert (await api.delete(f"{DEVICES}/{ids[0]}")).status_code == 204
    assert (await api.post(f"{DEVICES}/register", json=last)).status_code == 200
    assert set(await listed(api, group)) == set(ids[1:])


async def test_it_cannot_upload_until_it_registers_again(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await register(api, device_id, group)
    await api.delete(f"{DEVICES}/{device_id}")
    message = "Device not found. Please register first."
    one = {"device_id": device_id, **point()}
    batch = {"device_id": device_id, "locations": [point()]}
    check_problem(await api.post("/api/v1/locations", json=one), 404, message=message)
    check_problem(await api.post("/api/v1/locations/batch", json=batch), 404, message=message)
    assert await module_database.value("select count(*) from core.locations where device_id = $1", device_id) == 0

    await register(api, device_id, group)
    assert (await api.post("/api/v1/locations", json=one)).status_code == 200


async def test_content_type_json_is_welcome_with_and_without_a_body(
    api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    json_type = {"Content-Type": "application/json"}
    await register(api, device_id, group)
    assert (await api.delete(f"{DEVICES}/{device_id}", headers=json_type)).status_code == 204
    await register(api, device_id, group)
    answer = await api.request("DELETE", f"{DEVICES}/{device_id}", headers=json_type, content=b"{}")
    assert answer.status_code == 204
