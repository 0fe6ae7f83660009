"""POST /api/v1/devices/register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import registration

if TYPE_CHECKING:
    import httpx

REGISTER = "/api/v1/devices/register"


async def test_register_answers_with_the_registration(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    answer = await api.post(REGISTER, json=registration(device_id, group, display_name="  Mum  "))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"device_id", "display_name", "group_id", "created_at", "updated_at"}
    assert (body["device_id"], body["display_name"], body["group_id"]) == (device_id, "Mum", group)
    assert body["created_at"] == body["updated_at"]
