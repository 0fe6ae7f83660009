"""What probes and Prometheus see of a server while something is wrong: it always answers them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.contract import check_any_problem
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.server import Server

PATHS = ("/api/health/live", "/api/health/ready", "/api/health", "/metrics")

# A probe that waits longer than this takes the server for dead.
PROBE_SECONDS = 10
SESSIONS = """select count(*) from pg_stat_activity
              where datname = current_database() and application_name like 'phone-manager%' {}"""


@dataclass
class Probes:
    """What was answered, by path."""

    statuses: dict[str, list[int]] = field(default_factory=lambda: {path: [] for path in PATHS})

    async def until_ready_is(self, status: int) -> None:
        """Waits until the readiness probe is answered like that."""
        answers = self.statuses["/api/health/ready"]
        seen = len(answers)

        async def answered() -> bool:
            return status in answers[seen:]

        await until(f"readiness {status}", answered, 60)

    async def probe(self, client: httpx.AsyncClient, path: str) -> None:
        """Asks again and again."""
        while True:
            answer = await client.get(path)
            self.statuses[path].append(answer.status_code)
            if answer.status_code != 200 and path != "/api/health":
                check_any_problem(answer)
            await asyncio.sleep(0.2)


@asynccontextmanager
async def probed(server: Server) -> AsyncIterator[Probes]:
    """Probes a server during a block; at the end liveness and metrics must have been answered 200 each time."""
    probes = Probes()
    async with server.client() as client, asyncio.TaskGroup() as tasks:
        client.timeout = PROBE_SECONDS
        probing = [tasks.create_task(probes.probe(client, path)) for path in PATHS]
        yield probes
        for task in probing:
            task.cancel()
    for path in PATHS:
        assert probes.statuses[path]
        assert set(probes.statuses[path]) <= ({200, 503} if "health" in path and "live" not in path else {200}), path


async def check_pool(server: Server, database: Database, most: int = 21) -> None:
    """The server's connections are at rest, not too many (its pool, and one for probes), and gone when it ends."""

    async def at_rest() -> bool:
        busy = await database.value(SESSIONS.format("and state <> 'idle'"))
        return bool(busy == 0 and await database.value(SESSIONS.format("")) <= most)

    await until("a pool at rest", at_rest)

    async def counted() -> bool:
        async with server.client() as client:
            return "database_connections_active 0.0" in (await client.get("/metrics")).text

    await until("no active connections in the metrics", counted)
    assert await server.stop() == 0

    async def none() -> bool:
        return bool(await database.value(SESSIONS.format("")) == 0)

    await until("the end of all sessions", none)
