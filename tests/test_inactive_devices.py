"""DELETE /api/v1/admin/devices/inactive: what left long ago goes for good, by the word of an admin key."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.conftest import point, registration
from tests.contract import check_headers, check_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

PATH = "/api/v1/admin/devices/inactive"
LEFT = "select count(*) from core.locations where device_id = $1"


@pytest_asyncio.fixture(scope="module")
async def admin(server: Server, module_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key, which has the limit of such keys."""
    async with server.client(await module_database.create_key("admin", admin=True, rate_limit=None)) as client:
        yield client


async def test_devices_that_are_inactive_and_unchanged_for_so_long(
    admin: httpx.AsyncClient, module_database: Database, group: str
) -> None:
    devices = {}
    for active in (True, False):
        for days in (10, 40):
            device = devices[active, days] = str(uuid.uuid4())
            await module_database.call("register_device", registration(device, group))
            await module_database.call("upload_location", {"device_id": device, **point()}, {})
            await module_database.value(
                """update core.devices set active = $2, updated_at = now() - make_interval(days => $3)
                   where device_id = $1""",
                device,
                active,
                days,
            )

    answer = await admin.delete(PATH, params={"older_than_days": 30}, headers={"X-Request-ID": "tidy-1"})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "affected_count": 1})
    check_headers(answer)
    assert answer.headers["RateLimit-Limit"] == "1000"
    left = {kind: await module_database.value(LEFT, device) for kind, device in devices.items()}
    assert left == {(True, 10): 1, (True, 40): 1, (False, 10): 1, (False, 40): 0}
    again = await admin.delete(PATH, params={"older_than_days": 30})
    assert again.json() == {"success": True, "affected_count": 0}

    (row,) = await module_database.fetch(
        "select action, resource_type, host(ip_address) as ip, metadata from core.audit_log where request_id = 'tidy-1'"
    )
    assert tuple(row) == (
        "delete_inactive_devices",
        "device",
        "127.0.0.1",
        '{"deleted": 1, "older_than_days": 30}',
    )


async def test_other_keys_may_not(
    api: httpx.AsyncClient, server: Server, module_database: Database, device_id: str, group: str
) -> None:
    await module_database.call("register_device", registration(device_id, group))
    await module_database.value(
        "update core.devices set active = false, updated_at = '2020-01-01' where device_id = $1", device_id
    )
    for query in ("?older_than_days=30", "", "?older_than_days=x"):
        message = "This API key may not use administration routes."
        check_problem(await api.delete(PATH + query), 403, message=message)
    async with server.client() as client:
        check_problem(await client.delete(f"{PATH}?older_than_days=30"), 401)
    assert await module_database.value("select count(*) from core.devices where device_id = $1", device_id) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "is required"),
        ("?days=30", "is required"),
        *(
            (f"?older_than_days={bad}", "must be an integer from 1 to 3650")
            for bad in ("", "0", "3651", "99999999999", "-1", "1.5", "1e2", "x", "+30", "30%0A", "%20", "%F0%9F%98%80")
        ),
        ("?older_than_days=%00", "must not hold a NUL character"),
    ],
)
async def test_a_number_of_days_is_needed(admin: httpx.AsyncClient, query: str, message: str) -> None:
    body = check_problem(await admin.delete(PATH + query), 400, fields=["older_than_days"])
    assert body["details"][0]["message"] == message


@pytest.mark.parametrize("days", [1, 3650])
async def test_the_ends_of_the_range(admin: httpx.AsyncClient, days: int) -> None:
    assert (await admin.delete(PATH, params={"older_than_days": days})).json()["success"] is True


async def test_an_admin_key_may_do_what_others_may(admin: httpx.AsyncClient, device_id: str, group: str) -> None:
    answer = await admin.post("/api/v1/devices/register", json=registration(device_id, group))
    assert answer.status_code == 200
    assert (await admin.delete(f"/api/v1/devices/{device_id}/data")).status_code == 204
