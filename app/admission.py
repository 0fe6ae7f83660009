"""Who may call, and how often. The database decides; this asks it once for all requests that wait at a moment."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from asyncpg import Record

    from app.database import Database

ADMIT = "select * from api.admit($1, $2, $3, $4, $5)"
KEY = re.compile(rb"pm_[A-Za-z0-9_-]{45}")

# How long an answer of the database may be used. A revoked key must be refused within 2 s.
REUSE_SECONDS = 1.0

# How long a call may take. All requests of the key wait for it, so one on a dead connection must not take for ever.
CALL_SECONDS = 5.0

# The part of a limit that may be admitted ahead of the requests, which then need no call.
LOT_DIVISOR = 1000


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on."""

    api_key_id: int
    headers: dict[str, str]


@dataclass(slots=True)
class Line:
    """The requests of one key and class."""

    waiting: list[asyncio.Future[Admission]] = field(default_factory=list)
    serving: asyncio.Task[None] | None = None
    answer: Record | None = None
    """What the database said last."""
    spare: float = 0
    """Admissions that are left of it; infinite for a key without a limit."""
    spare_until: float = 0.0


def well_formed(key: bytes | None) -> bytes:
    """The API key, if it looks like one. Raises Problem: 401."""
    if key is None or KEY.fullmatch(key) is None:
        raise Problem(401, "Missing or invalid API key.")
    return key


class Admissions:
    """Admits requests.

    One key is shared by all phones of a deployment, and its window is one row: a call for each request would queue on
    that row. So the requests that arrive while a call is under way share the next one. Under a large limit a call also
    asks for a lot of at most a thousandth of the limit, to be used within the same slot of the window; what is not used
    is taken back by the next call. So counts stay exact.
    """

    def __init__(self, database: Database) -> None:
        """Admissions that ask this database."""
        self._database = database
        self._lines: dict[tuple[bytes, str], Line] = {}

    async def admit(self, key: bytes, limit_class: str) -> Admission:
        """Admits a request with this API key to a class of routes.

        Raises Problem: 401, 403, 429, 503.
        """
        name = (sha256(key).digest(), limit_class)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line()
        elif line.answer is not None and line.spare > 0 and time.monotonic() < line.spare_until:
            line.spare -= 1
            return Admission(line.answer["api_key_id"], _headers(line.answer, line.spare))
        place: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        line.waiting.append(place)
        if line.serving is None:
            line.serving = asyncio.create_task(self._serve(name, line))
        return await place

    async def _serve(self, name: tuple[bytes, str], line: Line) -> None:
        """Asks for all that wait, until nobody does."""
        while places := [place for place in line.waiting if not place.done()]:  # who has given up is not counted
            line.waiting.clear()
            last, unused = line.answer, line.spare
            line.answer, line.spare = None, 0
            lot = len(places)
            returned = (0, 0)
            if last is not None and last["rate_limit"] is not None:
                lot = max(lot, last["rate_limit"] // LOT_DIVISOR)
                returned = (int(unused), last["slot"])
            asked = time.monotonic()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    row = await self._database.fetchrow(ADMIT, *name, lot, *returned)
            except Exception as error:  # noqa: BLE001  whoever waits gets it
                for place in places:
                    if not place.done():
                        place.set_exception(Problem(503) if isinstance(error, TimeoutError) else error)
                continue
            line.answer = row
            line.spare = inf if row["rate_limit"] is None else max(row["admitted"] - len(places), 0)
            line.spare_until = asked + min(REUSE_SECONDS, row["slot_left"] or REUSE_SECONDS)
            for position, place in enumerate(places):
                if place.done():
                    continue
                headers = _headers(row, max(row["admitted"] - position - 1, 0))
                if position < row["admitted"]:
                    place.set_result(Admission(row["api_key_id"], headers))
                else:
                    message = f"The limit of {row['rate_limit']} requests is reached."
                    place.set_exception(Problem(429, message, retry_after=row["retry_after"], headers=headers))
        line.serving = None
        if line.answer is None:
            del self._lines[name]


def _headers(answer: Record, spare: float) -> dict[str, str]:
    """The headers that tell of the limit, when so many admissions of this answer are left."""
    if answer["rate_limit"] is None:
        return {}
    return {
        "RateLimit-Limit": str(answer["rate_limit"]),
        "RateLimit-Remaining": str(answer["remaining"] + int(spare)),
        "RateLimit-Reset": str(answer["reset_after"] or 0),
    }
