"""Three instances behind the balancer of ops/haproxy.cfg: one service, whichever answers, whichever goes."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from tests.balancer import INSTANCES, Balancer, balanced, until_all_serve
from tests.conftest import point, registration
from tests.contract import check_problem
from tests.exposition import scrape
from tests.faults.fleet import fleet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Database
    from tests.server import Server

DEVICES = "/api/v1/devices"
LISTING = f"{DEVICES}?group_id=family"
LIMIT = 50
ADDRESS = "select host(ip_address) from core.audit_log where resource_id = $1"


@pytest_asyncio.fixture(scope="module")
async def balancer(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Balancer]:
    """A balancer with all its instances."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(balanced(module_database.api_url, tmp_path_factory.mktemp("instances")))
        running = [stack.enter_async_context(made.instance(number)) for number in range(INSTANCES)]
        made.instances = list(await asyncio.gather(*running))
        await until_all_serve(made)
        yield made


async def test_a_limit_is_one_for_all(balancer: Balancer, module_database: Database) -> None:
    key = await module_database.create_key(rate_limit=LIMIT)
    async with balancer.client(key) as client:
        began = time.monotonic()
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(3 * LIMIT)))
        assert time.monotonic() - began < 60, "within one window"
    assert sorted(answer.status_code for answer in answers) == [200] * LIMIT + [429] * 2 * LIMIT


async def test_keys_hold_for_all(balancer: Balancer, module_database: Database) -> None:
    """A key that was made works with each instance at once; withdrawn, with none after two seconds."""
    key = await module_database.create_key("withdrawn")
    async with balancer.client(key) as client:
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        await module_database.execute("select admin.deactivate_api_key(id) from core.api_keys where name = 'withdrawn'")
        withdrawn = time.monotonic()
        while time.monotonic() - withdrawn < 2:
            await client.get(LISTING)
        answers = await asyncio.gather(*(client.get(LISTING) for _ in range(30)))
        assert {answer.status_code for answer in answers} == {401}


async def test_metrics_add_up(balancer: Balancer, module_database: Database) -> None:
    """Those of the instances; the balancer keeps them to itself."""
    device = str(uuid.uuid4())
    points = [{"device_id": device, **point()} for _ in range(30)]
    for number, each in enumerate(points):
        each["timestamp"] -= number
    before = await uploaded(balancer)
    async with balancer.client(await module_database.create_key()) as client:
        await client.post(f"{DEVICES}/register", json=registration(device, "family"))
        answers = await asyncio.gather(*(client.post("/api/v1/locations", json=each) for each in points))
        assert {answer.status_code for answer in answers} == {200}
        hidden = await client.get("/metrics")
        assert (hidden.status_code, hidden.json()["error"]) == (404, "not_found")
    after = await uploaded(balancer)
    assert sum(after) - sum(before) == 30
    assert all(one > other for one, other in zip(after, before, strict=True)), "each has counted some of them"


async def uploaded(balancer: Balancer) -> list[float]:
    """How many uploads each instance has counted."""
    found = []
    for instance in balancer.instances:
        async with instance.client() as client:
            found.append((await scrape(client)).value("locations_uploaded_total"))
    return found


async def test_who_the_client_is(balancer: Balancer, module_database: Database) -> None:
    """The balancer tells; what the client claims is not believed, neither through the balancer nor past it."""
    key = await module_database.create_key()
    claim = {"X-API-Key": key, "X-Forwarded-For": "203.0.113.7"}
    for port, address in ((balancer.port, "127.0.0.5"), (balancer.ports[0], "127.0.0.6")):
        device = str(uuid.uuid4())
        door = httpx.AsyncHTTPTransport(local_address=address)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=claim, transport=door) as client:
            await client.post(f"{DEVICES}/register", json=registration(device, "clients"))
            assert (await client.delete(f"{DEVICES}/{device}/data")).status_code == 204
        assert await module_database.value(ADDRESS, device) == address


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_instances_that_end_one_after_the_other(database: Database, tmp_path: Path, number: int) -> None:
    """Stopped and started again, no request fails; killed, only what it worked on may break off, and is sent again."""
    async with AsyncExitStack() as stack, balanced(database.api_url, tmp_path) as balancer:

        async def begin(place: int) -> Server:
            return await stack.enter_async_context(balancer.instance(place, drain_seconds=1))

        balancer.instances = [await begin(place) for place in range(INSTANCES)]
        await until_all_serve(balancer)
        phones = await fleet(database, balancer, allowed=())
        async with phones.running():
            for place in range(INSTANCES):
                await phones.until_acknowledged(50)
                code = await balancer.instances[place].stop(number)
                assert code == (0 if number == signal.SIGTERM else -number)
                await phones.until_acknowledged(50)
                balancer.instances[place] = await begin(place)
                await until_all_serve(balancer)
        under_way = 0 if number == signal.SIGTERM else INSTANCES * (len(phones.devices) + 2)
        assert phones.failures <= under_way
        await phones.check_replays()
    await phones.check_at_rest(database)


async def test_no_instance_at_all(database: Database, tmp_path: Path) -> None:
    """The balancer's own word has the shape of all errors."""
    async with balanced(database.api_url, tmp_path) as balancer, balancer.client() as client:
        check_problem(await client.get(LISTING), 503)
