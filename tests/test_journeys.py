"""The journeys that the service is made for, from end to end, with a real server."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

import httpx

from tests.conftest import now_ms, point, registration

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.server import Server

DEVICES = "/api/v1/devices"
REGISTER = "/api/v1/devices/register"
SINGLE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
MINUTE = 60_000
JSON = {"Content-Type": "application/json"}
STORED = "select count(*) from core.locations where device_id::text = $1"


async def listed(client: httpx.AsyncClient, group: str) -> dict[str, dict[str, Any]]:
    """The devices of a group, by name, in the order of the listing."""
    answer = await client.get(DEVICES, params={"group_id": group})
    assert answer.status_code == 200
    return {device["display_name"]: device for device in answer.json()["devices"]}


async def test_parent_and_teen(server: Server, module_database: Database, group: str) -> None:
    """Two phones; one is offline for an hour; the parent sees where the teen is; the teen exports, then erases."""
    parent_id, teen_id = str(uuid.uuid4()), str(uuid.uuid4())
    async with AsyncExitStack() as stack:
        key = await module_database.create_key("family app", rate_limit=None)
        parent, teen = [await stack.enter_async_context(server.client(key)) for _ in range(2)]

        # They register in one group.
        for client, device_id, name in ((parent, parent_id, "Mum"), (teen, teen_id, "Tea")):
            answer = await client.post(REGISTER, json=registration(device_id, group, display_name=name))
            assert answer.status_code == 200
            assert answer.json()["group_id"] == group
        assert {name: phone["last_location"] for name, phone in (await listed(parent, group)).items()} == {
            "Mum": None,
            "Tea": None,
        }

        # The teen's phone uploads every 5 minutes: the ride to school, from two hours ago on.
        start = now_ms() - 120 * MINUTE
        for step in range(6):
            place = point(start + step * 5 * MINUTE, latitude=45.2 + step / 100, battery_level=80 - step)
            answer = await teen.post(SINGLE, json={"device_id": teen_id, **place})
            assert answer.json() == {"success": True, "processed_count": 1}
        place = (await listed(parent, group))["Tea"]["last_location"]
        assert (place["latitude"], place["battery_level"]) == (45.25, 75)
        await parent.post(SINGLE, json={"device_id": parent_id, **point(latitude=45.0, battery_level=55)})

        # An hour in the gym's cellar arrives as one batch of 12, not even in order.
        offline = [
            point(start + (6 + step) * 5 * MINUTE, latitude=45.3 + step / 1000, battery_level=74 - step)
            for step in range(12)
        ]
        answer = await teen.post(BATCH, json={"device_id": teen_id, "locations": [*offline[6:], *offline[:6]]})
        assert answer.json() == {"success": True, "processed_count": 12}

        # The parent opens the map: the newest place and battery, and both phones in the order of their names.
        phones = await listed(parent, group)
        assert list(phones) == ["Mum", "Tea"]
        place = phones["Tea"]["last_location"]
        assert (place["latitude"], place["battery_level"]) == (45.311, 63)
        assert place["timestamp"] < phones["Tea"]["last_seen_at"]
        assert phones["Mum"]["last_location"]["battery_level"] == 55
        assert await module_database.value(STORED, teen_id) == 18

        # The teen's phone, not sure whether the batch arrived, sends it again: nothing changes.
        answer = await teen.post(BATCH, json={"device_id": teen_id, "locations": offline})
        assert answer.json() == {"success": True, "processed_count": 12, "duplicate_count": 12}
        assert (await listed(parent, group))["Tea"]["last_location"] == place
        assert await module_database.value(STORED, teen_id) == 18

        # The teen is of age now, takes all of it along, and leaves nothing behind.
        exported = (await teen.get(f"{DEVICES}/{teen_id}/data-export")).json()
        assert (exported["device"]["display_name"], exported["device"]["last_location"]) == ("Tea", place)
        assert exported["location_count"] == 18
        assert [location["battery_level"] for location in exported["locations"]] == list(range(80, 62, -1))
        assert (await teen.delete(f"{DEVICES}/{teen_id}/data")).status_code == 204
        assert list(await listed(parent, group)) == ["Mum"]
        assert await module_database.value(STORED, teen_id) == 0
        assert (await teen.get(f"{DEVICES}/{teen_id}/data-export")).status_code == 404
        assert (await teen.post(SINGLE, json={"device_id": teen_id, **point()})).status_code == 404


async def test_road_trip(server: Server, module_database: Database, group: str) -> None:
    """Nine phones in three cars; one car comes out of a dead zone and loses an answer."""
    names = [f"Car {car} seat {seat}" for car in (1, 2, 3) for seat in (1, 2, 3)]
    trip = {name: str(uuid.uuid4()) for name in names}
    async with server.client(await module_database.create_key("trip")) as client:
        for name, device_id in trip.items():
            assert (await client.post(REGISTER, json=registration(device_id, group, display_name=name))).is_success
        start = now_ms() - 60 * MINUTE
        for number, device_id in enumerate(trip.values()):
            await client.post(SINGLE, json={"device_id": device_id, **point(start, latitude=44.0 + number / 10)})
        phones = await listed(client, group)
        assert list(phones) == names
        assert [round(phone["last_location"]["latitude"], 1) for phone in phones.values()] == [
            44.0 + number / 10 for number in range(9)
        ]

        # A dead zone of 45 minutes. The batch arrives; its answer does not.
        lost_name = names[4]
        dead_zone = [point(start + minute * MINUTE, latitude=46 + minute / 100) for minute in range(1, 46)]
        batch = {"device_id": trip[lost_name], "locations": dead_zone}
        idempotency = {"Idempotency-Key": f"dead-zone-{uuid.uuid4()}"}
        lost = (await client.post(BATCH, json=batch, headers=idempotency)).json()
        assert lost == {"success": True, "processed_count": 45}
        before = await listed(client, group)
        assert round(before[lost_name]["last_location"]["latitude"], 2) == 46.45

        again = await client.post(BATCH, json=batch, headers=idempotency)
        assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (200, lost, "true")
        assert await module_database.value(STORED, trip[lost_name]) == 46
        assert await listed(client, group) == before

        # They leave one by one, and the others stay where they are.
        for left, name in enumerate(names[:-1], 1):
            assert (await client.delete(f"{DEVICES}/{trip[name]}")).status_code == 204
            assert list(await listed(client, group)) == names[left:]
            assert (await client.post(SINGLE, json={"device_id": trip[name], **point()})).status_code == 404
        assert (await client.delete(f"{DEVICES}/{trip[names[0]]}")).status_code == 404

        # The next trip is larger than a group may be: the 21st phone is refused, until one leaves.
        for number in range(19):
            joining = registration(str(uuid.uuid4()), group, display_name=f"Guest {number:02}")
            assert (await client.post(REGISTER, json=joining)).status_code == 200
        late = registration(trip[names[0]], group, display_name=names[0])
        refused = await client.post(REGISTER, json=late)
        assert refused.status_code == 409
        assert refused.json() == {"error": "conflict", "message": "Group has reached maximum device limit (20)"}
        assert len(await listed(client, group)) == 20
        assert (await client.delete(f"{DEVICES}/{trip[names[-1]]}")).status_code == 204
        assert (await client.post(REGISTER, json=late)).status_code == 200
        back = (await listed(client, group))[names[0]]
        assert back["last_location"]["latitude"] == 44.0, "its history stayed"


class BadNetwork(httpx.AsyncHTTPTransport):
    """A network that loses requests on their way, and answers on their way back; the same one at most five times."""

    def __init__(self) -> None:
        """A network that begins well."""
        super().__init__()
        self.lossy = False
        self._lost = Counter[bytes]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carries a request, or does not."""
        lost = self._lost[request.content]
        if not self.lossy or lost >= crc32(request.content) % 10 - 4:
            return await super().handle_async_request(request)
        self._lost[request.content] += 1
        if lost % 2 == 0:
            raise httpx.ConnectError("lost on the way")
        await (await super().handle_async_request(request)).aclose()
        raise httpx.ReadError("the answer was lost")


@dataclass
class CommonPhone:
    """The phone that most people have: a queue, and a worker that empties it point by point."""

    client: httpx.AsyncClient
    device_id: str
    queue: list[dict[str, Any]] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    duplicates: int = 0

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Sends a request as this phone does: with a Content-Type, whatever it is."""
        return await self.client.request(method, path, headers=JSON, **options)

    def measure(self, timestamp: int) -> None:
        """Queues a point, with explicit nulls for what it does not know, and fields of its own."""
        unknown = dict.fromkeys(("altitude", "bearing", "speed", "provider", "network_type", "battery_level"))
        extra = {"transportation_mode": "walking", "detection_source": None, "trip_id": None}
        self.queue.append({"device_id": self.device_id, **point(timestamp), **unknown, **extra})

    async def work(self) -> None:
        """A run of its worker: up to 50 points one by one. What failed stays in the queue, for five more runs."""
        failed = []
        for queued in self.queue[:50]:
            self.attempts[queued["timestamp"]] += 1
            try:
                answer = await self.request("POST", SINGLE, json=queued)
            except httpx.TransportError:
                if self.attempts[queued["timestamp"]] <= 5:
                    failed.append(queued)
                continue
            assert answer.status_code == 200
            assert answer.json()["processed_count"] == 1
            self.duplicates += answer.json().get("duplicate_count", 0)
        self.queue = failed + self.queue[50:]


async def test_the_common_phone(server: Server, module_database: Database, group: str) -> None:
    """Three of them with one API key, on a network that loses requests and answers: each point is stored once."""
    key = await module_database.create_key("all phones")
    async with AsyncExitStack() as stack:
        network = BadNetwork()
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=network, base_url=server.url, headers={"X-API-Key": key}, timeout=60)
        )
        phones = [CommonPhone(client, str(uuid.uuid4())) for _ in range(3)]
        for number, phone in enumerate(phones):
            body = registration(phone.device_id, group, display_name=f"Phone {number}", fcm_token=None)
            assert (await phone.request("POST", REGISTER, json=body)).status_code == 200

        # Half a day of points, one every 5 minutes; the worker runs every 15 minutes, but not in the night.
        start = now_ms() - 144 * 5 * MINUTE
        for step in range(144):
            for phone in phones:
                phone.measure(start + step * 5 * MINUTE)
            network.lossy = step % 60 > 20
            night = 30 < step < 96
            if step % 3 == 2 and not night:
                await asyncio.gather(*(phone.work() for phone in phones))
        network.lossy = False
        while any(phone.queue for phone in phones):
            await asyncio.gather(*(phone.work() for phone in phones))

        for phone in phones:
            assert await module_database.value(STORED, phone.device_id) == 144
            assert len(phone.attempts) == 144
            assert 1 < max(phone.attempts.values()) <= 6
        assert sum(phone.duplicates for phone in phones) > 0, "lost answers"

        answer = await phones[0].request("GET", DEVICES, params={"group_id": group})
        assert answer.status_code == 200
        last = start + 143 * 5 * MINUTE
        for device in answer.json()["devices"]:
            assert device["last_location"]["timestamp"].endswith(f"{last % 1000:03}Z")
            unknown = ("altitude", "bearing", "speed", "battery_level")
            assert [device["last_location"][name] for name in unknown] == [None] * 4
        assert (await phones[0].request("DELETE", f"{DEVICES}/{phones[0].device_id}")).status_code == 204
        assert len(await listed(client, group)) == 2
