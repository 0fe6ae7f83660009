"""Listings that wait at the same moment share a call of the database, and each gets what it would have got alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.conftest import registration
from tests.contract import check_headers, check_problem
from tests.exposition import scrape
from tests.line import gets
from tests.waiting import until

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

PATH = "/api/v1/devices?group_id="
GROUPS = 6
METRIC = "database_query_duration_seconds_count"
TERMINATE = "select pg_terminate_backend(pid) from unnest($1::integer[]) pid"


@pytest_asyncio.fixture
async def groups(module_database: Database, group: str) -> list[str]:
    """Groups of one, two, three … devices."""
    names = [f"{group}-{number}" for number in range(GROUPS)]
    for number, name in enumerate(names):
        for other in range(number + 1):
            device = f"00000000-0000-4000-8000-{number:06d}{other:06d}"
            await module_database.call("register_device", registration(device, name))
    return names


async def calls(client: httpx.AsyncClient) -> float:
    """How many calls there were that may be shared."""
    assert (await client.get(PATH + "nobody")).status_code == 200
    return (await scrape(client)).value(METRIC, query_type="list_devices_many")


async def test_each_gets_the_answer_that_it_would_get_alone(
    server: Server, module_database: Database, groups: list[str]
) -> None:
    asked = [*groups, "nobody", "not a group", ""] * 4
    async with server.client(await module_database.create_key()) as client:
        before = await calls(client)
        async with gets(server, module_database, [PATH + name for name in asked]) as waiting:
            pass
        assert await calls(client) - before < len(asked) / 4
        for name, answer in zip(asked, waiting.answers, strict=True):
            if name in groups:
                assert len(answer.json()["devices"]) == groups.index(name) + 1
                assert answer.content == (await client.get(PATH + name)).content
                check_headers(answer)
            elif name == "nobody":
                assert answer.json() == {"devices": []}
            else:
                check_problem(answer, 400, fields=["group_id"])


async def test_calls_that_break_fail_those_that_share_them(
    server: Server, module_database: Database, groups: list[str]
) -> None:
    async with gets(server, module_database, [PATH + name for name in groups * 4]) as waiting:
        await module_database.fetch(TERMINATE, waiting.blocked)

        async def some_ended() -> bool:
            return any(run.done() for run in waiting.runs)

        await until("an answer", some_ended)
    statuses = {answer.status_code for answer in waiting.answers}
    assert 503 in statuses
    assert statuses <= {200, 503}
