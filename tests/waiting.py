"""Waiting for a condition, and proof from PostgreSQL that one session waits for another: no test sleeps for luck."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg
import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from tests.cluster import Database

    Session: TypeAlias = asyncpg.Connection[asyncpg.Record]

Found = TypeVar("Found")

# Who waits for a row forms a line: the first waits for the holder, the others for the first.
BLOCKED_BY = """
    with recursive edges as materialized (
        select pid, unnest(pg_blocking_pids(pid)) as blocker from pg_stat_activity where datname = current_database()
    ), line as (
        select pid from edges where blocker = $1
        union
        select e.pid from edges e join line l on e.blocker = l.pid
    )
    select pid from line
"""
NAMED_LOCK = """
    select granted from pg_locks l, hashtextextended($2 || ': ' || $3, 0) h
    where l.pid = $1 and l.locktype = 'advisory' and l.objsubid = 1
        and (l.classid::bigint << 32 | l.objid::bigint) = h
"""
NO_SESSION = """
    select not exists (select from pg_stat_activity where datname = $1 and backend_type = 'client backend')
"""


async def until(what: str, condition: Callable[[], Awaitable[Found]], seconds: float = 30) -> Found:
    """Waits until a condition gives something true, and returns that."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if found := await condition():
                    return found
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s in vain: {what}") from None


async def until_blocked(watch: Session, holder: Session | int, count: int = 1, seconds: float = 30) -> list[int]:
    """Waits until so many sessions wait for a lock of the holder's, or behind one that does; returns their pids."""
    pid = holder if isinstance(holder, int) else holder.get_server_pid()

    async def blocked() -> list[int]:
        pids = [row["pid"] for row in await watch.fetch(BLOCKED_BY, pid)]
        return pids if len(pids) >= count else []

    return await until(f"{count} sessions blocked by {pid}", blocked, seconds)


async def waits_for_name(watch: Session, pid: int, kind: str, name: str) -> bool:
    """Whether it is the lock on this name (see core.lock_name) that a session waits for."""
    return await watch.fetchval(NAMED_LOCK, pid, kind, name) is False


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, Found]) -> AsyncIterator[asyncio.Task[Found]]:
    """Work that goes on beside a block. It ends with the block, unless that has awaited it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def api_session(database: Database) -> AsyncIterator[Session]:
    """A session of the API's role."""
    session = await asyncpg.connect(database.api_url)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def transaction(database: Database, *statements: str) -> AsyncIterator[Session]:
    """A superuser's session in a transaction that has run these statements, committed at the end."""
    async with database.cluster.session(database.name) as session, session.transaction():
        for statement in statements:
            await session.execute(statement)
        yield session


async def call(session: Session, function: str, request: Any, context: Any = None) -> asyncpg.Record:
    """Calls a function of schema api in a session; returns its row."""
    arguments = [orjson.dumps(argument).decode() for argument in (request, context) if argument is not None]
    places = ", ".join(f"${position}" for position in range(1, len(arguments) + 1))
    row = await session.fetchrow(f"select * from api.{function}({places})", *arguments)
    assert row is not None
    return row


async def deadlocks(database: Database) -> int:
    """How many deadlocks there were in a database; waits for its sessions to end, and so to have reported theirs."""
    async with database.cluster.session("postgres") as session:

        async def nobody() -> bool:
            return bool(await session.fetchval(NO_SESSION, database.name))

        await until(f"the end of all sessions in {database.name}", nobody)
        return int(await session.fetchval("select deadlocks from pg_stat_database where datname = $1", database.name))
