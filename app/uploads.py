"""Uploads that arrive at the same moment are stored together: one statement and one commit for all of them."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from asyncpg import Record

    from app.database import Database

logger = logging.getLogger(__name__)

# How many calls may be under way. Two keep PostgreSQL busy while Python reads what came in meanwhile.
CALLS = 2

# After so long a call is no reason any more for others to wait: its connection may be dead.
SLOW_SECONDS = 2.0


class Uploads:
    """Stores the uploads of one endpoint.

    Those that arrive while calls are under way wait, and share the next one. The database stores what it can without
    waiting for anybody's lock, and leaves the rest out; that is uploaded alone, as is everything where one is bad. So
    each gets what it would have got alone.
    """

    def __init__(self, database: Database, function: str, most: int, time_limit: float) -> None:
        """Uploads by this function of schema api, at most so many together, within so many seconds."""
        self._database = database
        self._statement = f"select request, answer, counted from api.{function}_many($1)"  # noqa: S608  of the route table
        self._most = most
        self._time_limit = time_limit
        self._waiting: list[tuple[bytes, asyncio.Future[Record | None]]] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def store(self, request: bytes) -> Record | None:
        """The row of an upload that was stored together with others; None: it must be uploaded alone.

        Raises Problem: 408, 503.
        """
        place: asyncio.Future[Record | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, place))
        self._begin_calls()
        try:
            return await place
        except Problem as problem:
            logger.warning("The call that this upload shared failed with %s", problem.status)
            raise

    def _begin_calls(self) -> None:
        """Begins as many calls as there may be for those that wait."""
        while self._waiting and len(self._calls) < CALLS:
            taken = [(request, place) for request, place in self._waiting[: self._most] if not place.done()]
            del self._waiting[: self._most]
            if not taken:
                continue  # whoever waited has given up
            # A context of its own: what it logs is of no single request.
            call = asyncio.create_task(self._store_together(taken), context=Context())
            self._calls.add(call)
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self._end_call, call)

    def _end_call(self, call: asyncio.Task[None] | None) -> None:
        """Makes room for the next call, once."""
        if call in self._calls:
            self._calls.remove(call)
            self._begin_calls()

    async def _store_together(self, taken: list[tuple[bytes, asyncio.Future[Record | None]]]) -> None:
        """Calls the database for these."""
        rows: dict[int, Record] = {}
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._time_limit):
                found = await self._database.fetch(self._statement, [request for request, _ in taken])
            rows = {row["request"]: row for row in found}
        except TimeoutError:
            failure = Problem(408)
        except Exception as error:  # noqa: BLE001  whoever waits gets it
            refused = isinstance(error, Problem) and error.status != 503
            failure = None if refused else error
        for position, (_, place) in enumerate(taken, 1):
            if failure is not None and not place.done():
                place.set_exception(failure)
            elif not place.done():
                place.set_result(rows.get(position))
        self._end_call(asyncio.current_task())
