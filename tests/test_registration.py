"""POST /api/v1/devices/register: the rules of its fields, and what the upsert does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import point, registration
from tests.contract import TIME, check_headers, check_problem
from tests.field_rules import BAD_REGISTRATION, GOOD_REGISTRATION, cases, replaced

if TYPE_CHECKING:
    import asyncpg
    import httpx

    from tests.cluster import Database

REGISTER = "/api/v1/devices/register"
FCM = "fcm:token-1"
OTHER_FCM = "fcm:token-2"


async def register(api: httpx.AsyncClient, device_id: str, group: str, **fields: object) -> dict[str, Any]:
    answer = await api.post(REGISTER, json=registration(device_id, group, **fields))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def stored(database: Database, device_id: str) -> asyncpg.Record:
    (row,) = await database.fetch("select * from core.devices where device_id = $1", device_id)
    return row


async def fill(database: Database, group: str, count: int) -> None:
    await database.value(
        """insert into core.devices (device_id, display_name, group_id)
           select gen_random_uuid(), 'Phone ' || n, $1 from generate_series(1, $2::integer) n""",
        group,
        count,
    )


async def test_register_answers_with_the_registration(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    answer = await api.post(REGISTER, json=registration(device_id, group, display_name="  Mum  "))
    assert answer.status_code == 200
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"device_id", "display_name", "group_id", "created_at", "updated_at"}
    assert (body["device_id"], body["display_name"], body["group_id"]) == (device_id, "Mum", group)
    assert body["created_at"] == body["updated_at"]
    assert TIME.fullmatch(body["created_at"])


@pytest.mark.parametrize(("field", "value"), cases(BAD_REGISTRATION))
async def test_a_broken_rule_is_400_and_stores_nothing(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str, field: str, value: object
) -> None:
    answer = await api.post(REGISTER, json=replaced(registration(device_id, group), field, value))
    check_problem(answer, 400, message="The request has invalid fields.", fields=[field])
    count = "select count(*) from core.devices where device_id = $1 or group_id = $2"
    assert await module_database.value(count, device_id, group) == 0


async def test_all_broken_rules_are_told_at_once(api: httpx.AsyncClient) -> None:
    bad = {"device_id": "x", "display_name": "x", "group_id": "x y", "platform": "", "fcm_token": 1}
    check_problem(await api.post(REGISTER, json=bad), 400, fields=list(bad))
    required = ["device_id", "display_name", "group_id"]
    check_problem(await api.post(REGISTER, json={}), 400, fields=required)
    check_problem(await api.post(REGISTER, json={**bad, "platform": "ok", "device_id": None}), 400, fields=[
        "device_id", "display_name", "group_id", "fcm_token",
    ])  # fmt: skip


@pytest.mark.parametrize(("field", "value"), cases(GOOD_REGISTRATION))
async def test_values_within_the_rules_are_stored_as_they_are(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str, field: str, value: str
) -> None:
    body = await register(api, device_id, group, **{field: value})
    assert (await stored(module_database, device_id))[field] == value
    assert body.get(field, value) == value


async def test_blanks_around_the_name_do_not_count(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    body = await register(api, device_id, group, display_name="\t \u2003\u00a0" + "x" * 50 + "\r\n\u3000 ")
    assert body["display_name"] == "x" * 50
    assert (await stored(module_database, device_id))["display_name"] == "x" * 50


async def test_defaults_of_a_new_device(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    before = await module_database.value("select now()")
    await register(api, device_id, group, platform=None)
    after = await module_database.value("select now()")
    row = await stored(module_database, device_id)
    assert (row["platform"], row["fcm_token"], row["active"], row["last_captured_at"]) == ("android", None, True, None)
    assert before <= row["created_at"] == row["updated_at"] == row["last_seen_at"] <= after


async def test_an_upper_case_device_id_is_the_same_device(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    first = await register(api, device_id.upper(), group)
    again = await register(api, device_id, group)
    assert first == again
    assert first["device_id"] == device_id
    assert await module_database.value("select count(*) from core.devices where group_id = $1", group) == 1


async def test_unknown_fields_are_ignored(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    body = await register(api, device_id, group, app_version="2.1", active=False, created_at=1, nested={"a": [1]})
    assert set(body) == {"device_id", "display_name", "group_id", "created_at", "updated_at"}


async def test_registering_again_changes_what_is_given_and_keeps_the_rest(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    first = await register(api, device_id, group, platform="ios", fcm_token=FCM)
    old = await stored(module_database, device_id)

    again = await register(api, device_id, group, display_name="New name", platform=None)
    new = await stored(module_database, device_id)
    assert again["created_at"] == first["created_at"]
    assert again["updated_at"] > first["updated_at"]
    assert (new["display_name"], new["platform"], new["fcm_token"]) == ("New name", "ios", FCM)
    assert new["last_seen_at"] > old["last_seen_at"]

    await register(api, device_id, group, platform="web", fcm_token=OTHER_FCM)
    new = await stored(module_database, device_id)
    assert (new["display_name"], new["platform"], new["fcm_token"]) == ("Phone", "web", OTHER_FCM)

    await register(api, device_id, group, fcm_token=None)
    new = await stored(module_database, device_id)
    assert (new["platform"], new["fcm_token"]) == ("web", None)


async def test_updated_at_stays_where_nothing_changes(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    first = await register(api, device_id, group, fcm_token=FCM)
    await api.post("/api/v1/locations", json={"device_id": device_id, **point()})
    seen = (await stored(module_database, device_id))["last_seen_at"]
    again = await register(api, device_id, group)
    assert again == first
    assert (await stored(module_database, device_id))["last_seen_at"] > seen


async def test_a_device_moves_to_another_group_with_its_history(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    first = await register(api, device_id, group)
    await api.post("/api/v1/locations", json={"device_id": device_id, **point()})
    moved = await register(api, device_id, f"{group}-2")
    assert (moved["group_id"], moved["created_at"]) == (f"{group}-2", first["created_at"])
    assert (await api.get("/api/v1/devices", params={"group_id": group})).json() == {"devices": []}
    (listed,) = (await api.get("/api/v1/devices", params={"group_id": f"{group}-2"})).json()["devices"]
    assert listed["last_location"]["latitude"] == 45.27
    assert await module_database.value("select count(*) from core.locations where device_id = $1", device_id) == 1


async def test_the_21st_device_of_a_group_is_refused(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await fill(module_database, group, 19)
    await register(api, device_id, group)
    other = str(uuid.uuid4())
    answer = await api.post(REGISTER, json=registration(other, group))
    check_problem(answer, 409, message="Group has reached maximum device limit (20)")
    assert await module_database.value("select count(*) from core.devices where device_id = $1", other) == 0

    # Who is in the group may still change.
    assert (await register(api, device_id, group, display_name="Changed"))["display_name"] == "Changed"


async def test_a_full_group_takes_no_moved_device(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    await fill(module_database, group, 20)
    await register(api, device_id, f"{group}-2")
    answer = await api.post(REGISTER, json=registration(device_id, group, display_name="Moved"))
    check_problem(answer, 409, message="Group has reached maximum device limit (20)")
    row = await stored(module_database, device_id)
    assert (row["group_id"], row["display_name"]) == (f"{group}-2", "Phone")


async def test_a_deactivated_device_comes_back_if_there_is_room(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    first = await register(api, device_id, group)
    assert (await api.delete(f"/api/v1/devices/{device_id}")).status_code == 204
    await fill(module_database, group, 20)
    answer = await api.post(REGISTER, json=registration(device_id, group))
    check_problem(answer, 409, message="Group has reached maximum device limit (20)")
    assert (await stored(module_database, device_id))["active"] is False

    leaver = await module_database.value(
        "select min(device_id::text) from core.devices where group_id = $1 and active", group
    )
    assert (await api.delete(f"/api/v1/devices/{leaver}")).status_code == 204
    back = await register(api, device_id, group)
    assert back["created_at"] == first["created_at"]
    assert back["updated_at"] > first["updated_at"]
    assert (await stored(module_database, device_id))["active"] is True
