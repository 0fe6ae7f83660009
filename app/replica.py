"""Reads from a standby while it is fresh enough; else, and whenever it fails, from the primary."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any

import asyncpg

from app.database import BROKEN, Database, reason, release
from app.errors import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app import config

logger = logging.getLogger(__name__)

# How far the log was safe on the primary, and is visible on the standby. Not how far the standby has received it: that
# stands still, and so looks well, when the standby has lost the primary.
WRITTEN = "select (pg_current_wal_flush_lsn() - '0/0')::bigint"
REPLAYED = "select case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0')::bigint end"

CHECK_SECONDS = 1.0
READ_SECONDS = 2.0  # for a listing, or the beginning of an export; then the primary is asked
CATCH_UP_SECONDS = 1.0  # how long an export waits for the standby; then it is read from the primary
POLL_SECONDS = 0.02

FAILURES = (asyncpg.PostgresError, *BROKEN, TimeoutError)


class Replica(Database):
    """A pool on a standby, and the primary behind it.

    Each second a mark is taken: the time, and then how far the primary has written. Once the standby has replayed that
    far, it shows all that was answered before that time. So its age is known without any clock but this process's own,
    on an idle primary, too.
    """

    name = "replica"
    retried = ()  # the primary is the second attempt

    def __init__(self, primary: Database, settings: config.Config) -> None:
        """A pool that is not open yet."""
        super().__init__(settings)
        assert settings.database.replica_url is not None  # noqa: S101  else there is no replica
        self._url = settings.database.replica_url
        self._primary = primary
        self._max_lag = settings.database.replica_max_lag_seconds
        self._marks: deque[tuple[float, int]] = deque()
        self._as_of = -inf
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens the pool in the background; until then the primary is read."""
        self._opening = asyncio.create_task(self._keep_opening(asyncio.create_task(self._open())))
        self._watching = asyncio.create_task(self._watch(self._opening))

    async def stop(self) -> None:
        """Closes the pool."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await super().stop()

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs a statement that only reads; its rows. Raises Problem."""
        if self._fresh():
            try:
                async with asyncio.timeout(READ_SECONDS):
                    return await super().fetch(statement, *arguments)
            except (Problem, TimeoutError) as error:
                self._fall_back(error)
        return await self._primary.fetch(statement, *arguments)

    @asynccontextmanager
    async def snapshot(self, statement: str, *arguments: Any) -> AsyncIterator[tuple[Any, Any]]:
        """A snapshot that shows all that was answered before. Raises Problem, also when it breaks off.

        What was erased a moment ago must not be exported, so the bound on its age is not enough here.
        """
        async with AsyncExitStack() as stack:
            opened = None
            if await self._caught_up():
                try:
                    async with asyncio.timeout(READ_SECONDS):
                        opened = await stack.enter_async_context(super().snapshot(statement, *arguments))
                except (Problem, TimeoutError) as error:
                    self._fall_back(error)
            if opened is None:
                opened = await stack.enter_async_context(self._primary.snapshot(statement, *arguments))
            yield opened

    async def _prepare(self, _: Any) -> None:
        """Does nothing: a standby cannot be written."""

    def _fresh(self) -> bool:
        return time.monotonic() - self._as_of <= self._max_lag

    def _fall_back(self, error: Problem | TimeoutError) -> None:
        """Goes on with the primary, at least until the next check, unless it is the request that is at fault."""
        if isinstance(error, Problem) and error.status < 500 and error.status != 408:
            raise error
        self._as_of = -inf

    async def _caught_up(self) -> bool:
        """Waits a moment until it shows what the primary has written by now; whether it does."""
        if not self._fresh():
            return False
        try:
            (written,) = await self._primary.fetchrow(WRITTEN)
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while await self._replayed() < written:  # noqa: ASYNC110  nobody tells
                    await asyncio.sleep(POLL_SECONDS)
        except FAILURES:
            return False
        return True

    async def _replayed(self) -> int:
        pool = self._pool
        if pool is None:
            raise asyncpg.InterfaceError("there is no connection")
        connection = await pool.acquire()
        try:
            replayed = await connection.fetchval(REPLAYED)
        finally:
            await release(pool, connection)
        if replayed is None:
            raise asyncpg.InterfaceError("it is no standby")
        return int(replayed)

    async def _watch(self, opening: asyncio.Task[None]) -> None:
        """Tells, whenever that changes, whether it is read, and why not."""
        await opening
        told = None
        while True:
            why = await self._check()
            if why != told:
                logger.warning("The replica is %s", f"not read: {why}" if why else "read.")
                told = why
            await asyncio.sleep(CHECK_SECONDS)

    async def _check(self) -> str:
        """Looks how fresh it is. Returns why it cannot be read, nothing if it can."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                (written,) = await self._primary.fetchrow(WRITTEN)
        except (Problem, TimeoutError):  # which is no reason to send it more work
            return "" if self._fresh() else "the primary does not answer"
        self._marks.append((asked, written))
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                replayed = await self._replayed()
        except FAILURES as error:
            self._as_of = -inf
            return reason(error)
        while self._marks and self._marks[0][1] <= replayed:
            self._as_of, _ = self._marks.popleft()
        while self._marks and asked - self._marks[0][0] > self._max_lag:
            self._marks.popleft()
        return "" if self._fresh() else f"it is more than {self._max_lag:g} s behind"
