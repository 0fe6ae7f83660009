"""Requests that wait in the server at the same moment."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from app.together import CALLS
from tests.waiting import transaction, until, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from tests.cluster import Database
    from tests.server import Server

RATE_LIMIT = 900  # never reached, and small enough that admissions are counted one by one
LOCK = "lock table {} in access exclusive mode"
ADMITTED = """
    select coalesce(sum(r.total), 0)
    from core.rate_limits r
    join core.api_keys k on k.id = r.api_key_id
    where k.name = $1
"""


class Line:
    """Requests that stand in line in the server, behind calls that wait for a lock."""

    def __init__(self, runs: list[asyncio.Task[httpx.Response]], blocked: list[int]) -> None:
        """The requests, and the sessions of the calls."""
        self.runs = runs
        self.blocked = blocked

    @property
    def answers(self) -> list[httpx.Response]:
        """When all have them."""
        return [run.result() for run in self.runs]


@asynccontextmanager
async def line(
    server: Server, database: Database, table: str, requests: list[httpx.Request], calls: int = CALLS
) -> AsyncIterator[Line]:
    """Sends requests that all have been admitted, and wait, until the block ends; then all get their answers.

    The calls wait for a table that they need.
    """
    name = uuid.uuid4().hex
    key = await database.create_key(name, rate_limit=RATE_LIMIT)

    async def admitted() -> bool:
        return bool(await watch.fetchval(ADMITTED, name) == len(requests))

    async with (
        server.client(key, **{"Content-Type": "application/json"}) as client,
        database.cluster.session(database.name) as watch,
        asyncio.TaskGroup() as crowd,
        transaction(database, LOCK.format(table)) as holder,
    ):
        runs = [
            crowd.create_task(client.request(r.method, r.url.raw_path.decode(), content=r.content)) for r in requests
        ]
        blocked = await until_blocked(watch, holder, calls)
        await until("all are admitted", admitted)
        yield Line(runs, blocked)


def posts(server: Server, database: Database, path: str, bodies: list[Any]) -> AbstractAsyncContextManager[Line]:
    """A line of uploads."""
    contents = [body if isinstance(body, bytes) else orjson.dumps(body) for body in bodies]
    requests = [httpx.Request("POST", f"http://server{path}", content=content) for content in contents]
    return line(server, database, "core.locations", requests)


def gets(server: Server, database: Database, paths: list[str]) -> AbstractAsyncContextManager[Line]:
    """A line of listings."""
    return line(server, database, "core.devices", [httpx.Request("GET", f"http://server{path}") for path in paths])
