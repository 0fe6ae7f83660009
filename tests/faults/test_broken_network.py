"""A network that fails between the server and PostgreSQL: errors of one shape in time, then all is well again."""

from __future__ import annotations

import asyncio
import random
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.contract import check_any_problem, check_problem
from tests.faults.fleet import fleet
from tests.faults.probes import check_pool, probed
from tests.proxy import proxied
from tests.server import serve
from tests.test_health import until_answer
from tests.waiting import transaction, until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database
    from tests.faults.fleet import Fleet
    from tests.proxy import Proxy

# What would take 30 s by default.
CONNECTIONS = 15
hasty = partial(serve, server__request_timeout_seconds="4", database__connect_timeout_seconds="3")


async def strike(fault: str, proxy: Proxy, phones: Fleet) -> None:
    """Breaks the network, and mends it when that was noticed."""

    async def cut() -> bool:
        return not proxy.cutting

    match fault:
        case "stalls":
            proxy.stall()
            await phones.until_failed(len(phones.devices))
        case "forgets its connections":
            proxy.forget()
            await phones.until_failed()
        case "drops its connections":
            proxy.drop()
            await phones.until_failed()
        case "refuses connections":
            proxy.refuse()
            await phones.until_failed(100)
        case "cuts in mid-message":
            for _ in range(20):
                proxy.cut_answers(random.randrange(1, 2000))
                await until("a cut", cut)
        case "delays":
            proxy.delay(0.1)
            await phones.until_acknowledged(20)
    proxy.pass_on()


@pytest.mark.parametrize(
    "fault",
    [
        "stalls",
        "forgets its connections",
        "cuts in mid-message",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("drops its connections", "refuses connections", "delays")
        ),
    ],
)
async def test_the_network_fails_under_load(database: Database, tmp_path: Path, fault: str) -> None:
    async with proxied(database.api_url) as (proxy, url), hasty(url, tmp_path) as server:
        phones = await fleet(database, server, allowed=(503, 408))
        async with phones.running(), probed(server) as probes:
            await phones.until_acknowledged(100)
            await strike(fault, proxy, phones)
            await probes.until_ready_is(200)
            await phones.until_acknowledged(100)
            await phones.check(database)
        await phones.check_replays()
        await check_pool(server, database)
    await phones.check_at_rest(database)


@pytest.mark.parametrize("fault", ["refuses", "stalls"])
async def test_a_network_that_is_away_at_start(database: Database, tmp_path: Path, fault: str) -> None:
    async with proxied(database.api_url) as (proxy, url):
        if fault == "refuses":
            proxy.refuse()
        else:
            proxy.stall()
        async with serve(url, tmp_path, ready=False) as server, server.client(await database.create_key()) as client:
            await until_answer(client, "/api/health/live", 200)
            async with probed(server) as probes:
                await probes.until_ready_is(503)
                check_problem(await client.get("/api/v1/devices?group_id=family"), 503)
                proxy.pass_on()
                await probes.until_ready_is(200)
            assert (await client.get("/api/v1/devices?group_id=family")).json() == {"devices": []}
            await check_pool(server, database)


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 300, 600, 1000])
async def test_connections_that_die_while_they_are_made(database: Database, tmp_path: Path, size: int) -> None:
    async with proxied(database.api_url) as (proxy, url), hasty(url, tmp_path) as server:
        async with server.client(await database.create_key()) as client, probed(server) as probes:
            proxy.die_after(size)
            proxy.drop()
            answers = await asyncio.gather(*(client.get("/api/v1/devices?group_id=family") for _ in range(30)))
            for answer in answers:
                if answer.status_code != 200 or size < 700:  # a first answer comes after some 700 bytes
                    check_any_problem(answer)
                    assert answer.status_code in (503, 408)
            proxy.pass_on()
            await probes.until_ready_is(200)
            assert (await client.get("/api/v1/devices?group_id=family")).json() == {"devices": []}
        await check_pool(server, database)


@pytest.mark.long
async def test_dead_connections_are_not_tried_one_by_one(database: Database, tmp_path: Path) -> None:
    async with (
        proxied(database.api_url) as (proxy, url),
        hasty(url, tmp_path) as server,
        server.client(await database.create_key()) as client,
        server.client(await database.create_key()) as another,
    ):
        async with transaction(database, "lock table core.devices") as session:
            paths = [f"/api/v1/devices/{uuid.uuid4()}" for _ in range(CONNECTIONS)]  # which share no call
            waiting = [asyncio.create_task(client.delete(path)) for path in paths]
            async with database.cluster.session(database.name) as watch:
                await until_blocked(watch, session, CONNECTIONS)
        await asyncio.gather(*waiting)
        await another.get("/api/v1/devices?group_id=family")  # admits the next, too: it is the listing that fails
        proxy.forget()
        answer = await another.get("/api/v1/devices?group_id=family")
        check_problem(answer, 408 if answer.status_code == 408 else 503)
        for phone in (client, another):
            assert (await phone.get("/api/v1/devices?group_id=family")).json() == {"devices": []}
        await check_pool(server, database)
