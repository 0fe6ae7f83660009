"""Who may call, and how often. The database decides; this asks it once for all requests that wait at a moment."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from asyncpg import Record

    from app.database import Database

ADMIT = "select * from api.admit($1, $2, $3)"
KEY = re.compile(rb"pm_[A-Za-z0-9_-]{45}")

# How long the answer for a key without a limit is good for. A revoked key must be refused within 2 s.
REUSE_SECONDS = 1.0

# How long a call may take. All requests of the key wait for it, so one on a dead connection must not take for ever.
CALL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on."""

    api_key_id: int
    headers: dict[str, str]


@dataclass(slots=True)
class Line:
    """The requests of one key and class that wait for an admission."""

    waiting: list[asyncio.Future[Admission]] = field(default_factory=list)
    serving: asyncio.Task[None] | None = None
    unlimited: Admission | None = None
    unlimited_until: float = 0.0


class Admissions:
    """Admits requests.

    One key is shared by all phones of a deployment, and its window is one row: a call for each request would queue on
    that row. So the requests that arrive while a call is under way share the next one. Counts stay exact.
    """

    def __init__(self, database: Database) -> None:
        """Admissions that ask this database."""
        self._database = database
        self._lines: dict[tuple[bytes, str], Line] = {}

    async def admit(self, key: bytes | None, limit_class: str) -> Admission:
        """Admits a request with this API key to a class of routes.

        Raises Problem: 401, 403, 429, 503.
        """
        if key is None or KEY.fullmatch(key) is None:
            raise Problem(401, "Missing or invalid API key.")
        name = (sha256(key).digest(), limit_class)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line()
        elif line.unlimited is not None and time.monotonic() < line.unlimited_until:
            return line.unlimited
        place: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        line.waiting.append(place)
        if line.serving is None:
            line.serving = asyncio.create_task(self._serve(name, line))
        return await place

    async def _serve(self, name: tuple[bytes, str], line: Line) -> None:
        """Asks for all that wait, until nobody does."""
        while places := [place for place in line.waiting if not place.done()]:  # who has given up is not counted
            line.waiting.clear()
            line.unlimited = None
            asked = time.monotonic()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    row = await self._database.fetchrow(ADMIT, *name, len(places))
            except Exception as error:  # noqa: BLE001  whoever waits gets it
                for place in places:
                    if not place.done():
                        place.set_exception(Problem(503) if isinstance(error, TimeoutError) else error)
                continue
            for position, place in enumerate(places):
                if not place.done():
                    _answer(place, row, position)
            if row["rate_limit"] is None:
                line.unlimited, line.unlimited_until = Admission(row["api_key_id"], {}), asked + REUSE_SECONDS
        line.serving = None
        if line.unlimited is None:
            del self._lines[name]


def _answer(place: asyncio.Future[Admission], row: Record, position: int) -> None:
    """Answers the request at this position of those that a call to api.admit counted."""
    headers = {}
    if row["rate_limit"] is not None:
        headers = {
            "RateLimit-Limit": str(row["rate_limit"]),
            "RateLimit-Remaining": str(row["remaining"] + max(row["admitted"] - position - 1, 0)),
            "RateLimit-Reset": str(row["reset_after"] or 0),
        }
    if position < row["admitted"]:
        place.set_result(Admission(row["api_key_id"], headers))
    else:
        message = f"The limit of {row['rate_limit']} requests is reached."
        place.set_exception(Problem(429, message, retry_after=row["retry_after"], headers=headers))
