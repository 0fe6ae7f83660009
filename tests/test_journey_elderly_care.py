"""A journey: the phone of an elderly father, who is looked after from afar, for a month and to its end."""

from __future__ import annotations

import datetime
import uuid
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.conftest import now_ms, point, registration

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

DEVICES = "/api/v1/devices"
BATCH = "/api/v1/locations/batch"
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
TIME_PASSES = """
    update core.devices
    set last_seen_at = last_seen_at - $2::interval, last_captured_at = last_captured_at - $2::interval
    where device_id::text = $1
"""
LEFT = """
    select (select count(*) from core.devices where device_id::text = $1)
        + (select count(*) from core.locations where device_id::text = $1)
        + (select count(*) from core.idempotency_keys where device_id::text = $1)
"""


async def look(client: httpx.AsyncClient, group: str) -> tuple[float, dict[str, Any]]:
    """What the daughter's app shows of her father: hours since his phone was last heard of, and where it was."""
    answer = await client.get(DEVICES, params={"group_id": group})
    (father,) = (one for one in answer.json()["devices"] if one["display_name"] == "Dad")
    seen = datetime.datetime.fromisoformat(father["last_seen_at"])
    place = father["last_location"]
    assert datetime.datetime.fromisoformat(place["timestamp"]) <= seen
    return (datetime.datetime.now(datetime.UTC) - seen).total_seconds() / 3600, place


async def test_elderly_care(server: Server, module_database: Database, group: str) -> None:
    """A month of points; a morning on which the phone stays silent; an export for the doctor; the end."""
    father, daughter = str(uuid.uuid4()), str(uuid.uuid4())
    async with (
        server.client(await module_database.create_key("care app", rate_limit=None)) as client,
        server.client(await module_database.create_key("operators", admin=True)) as operator,
    ):
        for device, name in ((father, "Dad"), (daughter, "Eva")):
            body = registration(device, group, display_name=name)
            assert (await client.post(f"{DEVICES}/register", json=body)).status_code == 200

        # A point every half hour, sent once a day. He is at home, but for the walk at ten.
        start = now_ms() // MINUTE * MINUTE - 29 * DAY
        for day in range(29):
            points = [
                point(
                    start + day * DAY + step * 30 * MINUTE, latitude=45.31 if step == 20 else 45.3, battery_level=step
                )
                for step in range(48)
            ]
            key = {"Idempotency-Key": f"{father}-{day}"}
            answer = await client.post(BATCH, json={"device_id": father, "locations": points}, headers=key)
            assert answer.json() == {"success": True, "processed_count": 48}

        # The daughter looks several times a day: the phone was heard of just now, half an hour's news at most.
        for _ in range(4):
            hours, place = await look(client, group)
            assert hours < 1
            assert (place["latitude"], place["battery_level"]) == (45.3, 47)

        # One morning it is not: the place does not change, the age of the signal does.
        await module_database.value(TIME_PASSES, father, datetime.timedelta(hours=9))
        hours, place = await look(client, group)
        assert 9 <= hours < 10
        assert place["latitude"] == 45.3

        # He had forgotten to charge it. A point, even one that came before, and he is there again.
        again = {"device_id": father, "locations": [point(start)]}
        assert (await client.post(BATCH, json=again)).json()["duplicate_count"] == 1
        hours, _ = await look(client, group)
        assert hours < 1

        # The doctor would like to know how much he walks: the month, in order, complete.
        answer = await client.get(f"{DEVICES}/{father}/data-export")
        exported = answer.json()
        assert answer.headers["RateLimit-Limit"] == "10"
        assert exported["location_count"] == len(exported["locations"]) == 29 * 48
        captured = [datetime.datetime.fromisoformat(one["captured_at"]) for one in exported["locations"]]
        assert captured[0].timestamp() * 1000 == start
        assert {later - earlier for earlier, later in pairwise(captured)} == {datetime.timedelta(minutes=30)}
        walks = [one for one in exported["locations"] if one["latitude"] == 45.31]
        assert len(walks) == 29

        # The phone is given up, and forgotten in the group's past; an operator's tidying takes all of it.
        assert (await client.delete(f"{DEVICES}/{father}")).status_code == 204
        tidy = "/api/v1/admin/devices/inactive?older_than_days=365"
        assert (await client.delete(tidy)).status_code == 403
        assert (await operator.delete(tidy)).json() == {"success": True, "affected_count": 0}
        assert await module_database.value(LEFT, father) == 1 + 29 * 48 + 29
        await module_database.value(
            "update core.devices set updated_at = updated_at - interval '366 days' where device_id::text = $1", father
        )
        assert (await operator.delete(tidy)).json() == {"success": True, "affected_count": 1}
        assert await module_database.value(LEFT, father) == 0
        assert await module_database.value(LEFT, daughter) == 1
        assert (await client.get(f"{DEVICES}/{father}/data-export")).status_code == 404
