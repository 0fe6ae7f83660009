"""Requests that wait at the same moment share a call of the database: one statement, one transaction."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from asyncpg import Record

    from app.database import Database
    from app.routes import Endpoint

    Place = tuple[bytes, asyncio.Future[Record | None]]

logger = logging.getLogger(__name__)

# How many calls may be under way. Two keep PostgreSQL busy while Python reads what came in meanwhile.
CALLS = 2

# After so long a call is no reason any more for others to wait: its connection may be dead.
SLOW_SECONDS = 2.0


class Together:
    """Answers the requests of one endpoint.

    Those that arrive while calls are under way wait, and share the next one; a lone request is a call of its own, at
    once. The database leaves out what it cannot answer without ado; that is asked alone, as is everything where a call
    is refused. So each gets what it would have got alone.
    """

    def __init__(self, database: Database, endpoint: Endpoint, time_limit: float) -> None:
        """Requests of this endpoint, by the _many of its function, within so many seconds."""
        self._database = database
        self._statement = f"select * from api.{endpoint.function}_many($1)"  # noqa: S608  of the route table
        self._most = endpoint.together
        self._only_reads = endpoint.method == "GET"
        self._time_limit = time_limit
        self._waiting: list[Place] = []
        self._calls: dict[asyncio.Task[None] | None, asyncio.TimerHandle] = {}

    async def ask(self, request: bytes) -> Record | None:
        """The row of a request that was answered; None: it must be asked alone.

        Raises Problem: 408, 503.
        """
        if len(self._calls) < CALLS:  # so nobody waits
            call = asyncio.current_task()
            self._begin(call)
            try:
                (row,) = await self._call([request])
            finally:
                self._end(call)
            return row
        place: asyncio.Future[Record | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, place))
        try:
            return await place
        except Problem as problem:
            logger.warning("The call that this request shared failed with %s", problem.status)
            raise

    def _begin(self, call: asyncio.Task[None] | None) -> None:
        """Counts a call as under way."""
        self._calls[call] = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._end, call)

    def _end(self, call: asyncio.Task[None] | None) -> None:
        """Makes room, once, and begins as many calls as there may be for those that wait."""
        timer = self._calls.pop(call, None)
        if timer is None:
            return
        timer.cancel()
        while self._waiting and len(self._calls) < CALLS:
            taken = [(request, place) for request, place in self._waiting[: self._most] if not place.done()]
            del self._waiting[: self._most]
            if taken:  # else whoever waited has given up
                # A context of its own: what it logs is of no single request.
                self._begin(asyncio.create_task(self._share(taken), context=Context()))

    async def _share(self, taken: list[Place]) -> None:
        """Answers these by one call. Of reading requests that are alike, one is asked for all."""
        asked = {request if self._only_reads else place: request for request, place in taken}
        rows: list[Record | None] = []
        failure: Exception | None = None
        try:
            rows = await self._call(list(asked.values()))
        except Exception as error:  # noqa: BLE001  whoever waits gets it
            failure = error
        finally:
            self._end(asyncio.current_task())
        answers = dict(zip(asked, rows, strict=False))
        for request, place in taken:
            if place.done():
                continue
            if failure is not None:
                place.set_exception(failure)
            else:
                place.set_result(answers[request if self._only_reads else place])

    async def _call(self, requests: list[bytes]) -> list[Record | None]:
        """Calls the database; the row of each, if it has one."""
        try:
            async with asyncio.timeout(self._time_limit):
                found = await self._database.fetch(self._statement, requests)
        except TimeoutError:
            raise Problem(408) from None
        except Problem as problem:
            if problem.status == 503:
                raise
            found = []  # one of them is at fault
        rows = {row["request"]: row for row in found}
        return [rows.get(position) for position in range(1, len(requests) + 1)]
