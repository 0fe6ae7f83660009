"""Idempotency-Key: a repeated request gets the stored answer and stores nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"


@pytest_asyncio.fixture(scope="module")
async def other_api(server: Server, module_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client with another API key."""
    async with server.client(await module_database.create_key("other")) as client:
        yield client


async def send(
    api: httpx.AsyncClient, path: str, key: str | bytes, body: dict[str, Any], *, replayed: bool = False
) -> httpx.Response:
    value = key.encode() if isinstance(key, str) else key
    answer = await api.post(path, json=body, headers=[(b"Idempotency-Key", value)])
    assert answer.headers.get("Idempotent-Replayed") == ("true" if replayed else None), answer.text
    check_headers(answer)
    return answer


async def rows(database: Database, device: str) -> tuple[int, int]:
    """How many points and how many answers are stored for a device."""
    (row,) = await database.fetch(
        """select (select count(*) from core.locations where device_id = $1) as points,
               (select count(*) from core.idempotency_keys where device_id = $1) as answers""",
        device,
    )
    return row["points"], row["answers"]


def bodies(path: str, device: str, timestamp: int | None = None, **fields: object) -> dict[str, Any]:
    one = point(timestamp, **fields)
    return {"device_id": device, **one} if path == ONE else {"device_id": device, "locations": [one]}


@pytest.mark.parametrize("path", [ONE, BATCH])
async def test_a_repetition_gets_the_same_answer_and_stores_nothing(
    api: httpx.AsyncClient, module_database: Database, device: str, path: str
) -> None:
    body = bodies(path, device)
    first = await send(api, path, f"key of {device}", body)
    assert (first.status_code, first.json()) == (200, {"success": True, "processed_count": 1})
    assert await rows(module_database, device) == (1, 1)
    seen = await module_database.value("select last_seen_at from core.devices where device_id = $1", device)

    for _ in range(2):
        again = await send(api, path, f"key of {device}", body, replayed=True)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Content-Type"] == "application/json"
    assert await rows(module_database, device) == (1, 1)
    assert seen == await module_database.value("select last_seen_at from core.devices where device_id = $1", device)


async def test_the_stored_answer_outlives_what_it_tells_of(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    body = {"device_id": device, "locations": [point(now_ms() - n) for n in range(3)]}
    first = await send(api, BATCH, f"late {device}", body)
    await module_database.value("delete from core.locations where device_id = $1", device)
    await api.delete(f"/api/v1/devices/{device}")
    again = await send(api, BATCH, f"late {device}", body, replayed=True)
    assert again.content == first.content
    assert await rows(module_database, device) == (0, 1)


async def test_white_space_and_the_order_of_fields_do_not_make_another_body(
    api: httpx.AsyncClient, device: str
) -> None:
    body = bodies(ONE, device)
    await send(api, ONE, f"order {device}", body)
    turned = dict(reversed(body.items()))
    await send(api, ONE, f"order {device}", turned, replayed=True)


async def test_another_body_is_422(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    body = bodies(ONE, device)
    await send(api, ONE, f"used {device}", body)
    for changed in ({**body, "latitude": 1}, {**body, "timestamp": body["timestamp"] - 1}, {**body, "extra": None}):
        answer = await send(api, ONE, f"used {device}", changed)
        check_problem(answer, 422, message="This Idempotency-Key was used for another request.")
    assert await rows(module_database, device) == (1, 1)
    assert (await send(api, ONE, f"used {device}", body, replayed=True)).status_code == 200


async def test_the_other_endpoint_is_independent(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    one = point()
    await send(api, ONE, f"both {device}", {"device_id": device, **one})
    answer = await send(api, BATCH, f"both {device}", {"device_id": device, "locations": [one, point(now_ms() - 1000)]})
    assert answer.json() == {"success": True, "processed_count": 2, "duplicate_count": 1}
    assert await rows(module_database, device) == (2, 2)


async def test_another_api_key_is_independent(
    api: httpx.AsyncClient, other_api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    await send(api, ONE, f"shared {device}", bodies(ONE, device, latitude=1))
    answer = await send(other_api, ONE, f"shared {device}", bodies(ONE, device, timestamp=now_ms() - 9000, latitude=2))
    assert answer.json() == {"success": True, "processed_count": 1}
    assert await rows(module_database, device) == (2, 2)


async def test_another_key_runs_and_finds_duplicates(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    body = bodies(ONE, device)
    await send(api, ONE, f"first {device}", body)
    answer = await send(api, ONE, f"FIRST {device}", body)
    assert answer.json() == {"success": True, "processed_count": 1, "duplicate_count": 1}
    assert await rows(module_database, device) == (1, 2)


async def test_a_failed_request_stores_nothing_and_may_be_repaired(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    key = f"failing {device_id}"
    check_problem(await send(api, ONE, key, bodies(ONE, device_id, latitude=91)), 400, fields=["latitude"])
    body = bodies(ONE, device_id)
    check_problem(await send(api, ONE, key, body), 404)
    assert await rows(module_database, device_id) == (0, 0)

    await api.post("/api/v1/devices/register", json=registration(device_id, group))
    assert (await send(api, ONE, key, body)).json() == {"success": True, "processed_count": 1}
    assert await rows(module_database, device_id) == (1, 1)


async def test_an_expired_key_is_as_good_as_new(api: httpx.AsyncClient, module_database: Database, device: str) -> None:
    key = f"expired {device}"
    age = "update core.idempotency_keys set created_at = now() - $2::text::interval where device_id = $1"
    await send(api, ONE, key, bodies(ONE, device, timestamp=now_ms() - 5000))
    await module_database.value(age, device, "23 hours 59 minutes")
    body = bodies(ONE, device)
    assert (await send(api, ONE, key, body)).status_code == 422
    await module_database.value(age, device, "24 hours 1 second")
    assert (await send(api, ONE, key, body)).json() == {"success": True, "processed_count": 1}
    assert (await send(api, ONE, key, body, replayed=True)).status_code == 200
    assert await rows(module_database, device) == (2, 1)


@pytest.mark.parametrize("key", ["k", "k" * 255, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "two words"], ids=len)
async def test_keys_that_are_allowed(api: httpx.AsyncClient, device: str, key: str) -> None:
    body = bodies(ONE, device)
    await send(api, ONE, key, body)
    await send(api, ONE, key, body, replayed=True)


@pytest.mark.parametrize("key", [b"", b"k" * 256, "schlüssel".encode(), b"\xff", b"a\tb", b"k" * 10_000], ids=repr)
@pytest.mark.parametrize("path", [ONE, BATCH])
async def test_keys_that_are_refused(
    api: httpx.AsyncClient, module_database: Database, device: str, path: str, key: bytes
) -> None:
    answer = await send(api, path, key, bodies(path, device))
    body = check_problem(answer, 400, fields=["Idempotency-Key"])
    assert body["details"][0]["message"] == "must be 1 to 255 printable ASCII characters"
    assert await rows(module_database, device) == (0, 0)


async def test_the_key_is_stored_as_its_hash_only(
    api: httpx.AsyncClient, module_database: Database, device: str
) -> None:
    key = f"secret-{device}-secret"
    await send(api, ONE, key, bodies(ONE, device))
    (row,) = await module_database.fetch("select * from core.idempotency_keys where device_id = $1", device)
    assert row["key_hash"] == hashlib.sha256(key.encode()).digest()
    assert len(row["request_hash"]) == 32
    text = await module_database.value("select i::text from core.idempotency_keys i where device_id = $1", device)
    assert key not in text
    assert key.encode().hex() not in text
    assert "45.27" not in text, "nor are coordinates kept"


async def test_endpoints_without_idempotency_do_not_look_at_it(
    api: httpx.AsyncClient, device_id: str, group: str
) -> None:
    for _ in range(2):
        answer = await send(api, "/api/v1/devices/register", b"\xff", registration(device_id, group))
        assert answer.status_code == 200
