"""The sliding window of a key, with a clock that the test sets: what is promised for every 60 seconds holds."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.waiting import api_session, transaction, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.cluster import Database
    from tests.waiting import Session

START = 1_800_000_000.0  # seconds since the epoch
LAST_USED = "select extract(epoch from last_used_at)::float8 as at, xmin::text from core.api_keys where key_hash = $1"


class Clock:
    """A session at a moment of its own, and a key."""

    def __init__(self, session: Session, key: str, limit_class: str) -> None:
        """Admissions of this key to this class."""
        self.session = session
        self.key_hash = sha256(key.encode()).digest()
        self.limit_class = limit_class

    async def admit(self, at: float, requests: int = 1) -> asyncpg.Record:
        """Asks for admissions at a moment, in seconds since the start."""
        await self.session.fetchval("select set_config('pm.test_now', to_timestamp($1)::text, false)", START + at)
        row = await self.session.fetchrow(
            "select * from api.admit($1, $2, $3)", self.key_hash, self.limit_class, requests
        )
        assert row is not None
        return row


@asynccontextmanager
async def clock(database: Database, limit: int, limit_class: str = "default") -> AsyncIterator[Clock]:
    """A clock and a key with a limit."""
    key = await database.create_key(rate_limit=limit)
    async with database.cluster.session(database.name) as session:
        yield Clock(session, key, limit_class)


@pytest.mark.parametrize("seed", range(4))
async def test_no_window_sees_more_and_who_keeps_to_the_limit_is_never_refused(
    module_database: Database, seed: int
) -> None:
    limit = 7
    choice = random.Random(seed)
    admitted: list[float] = []
    at = 0.0
    async with clock(module_database, limit) as window:
        for _ in range(150):
            at += choice.choice((0.0, 0.3, 1.0, 4.7, 11.0, choice.random() * 70))
            asked = choice.choice((1, 1, 1, 2, 5))
            row = await window.admit(at, asked)
            assert 0 <= row["admitted"] <= asked
            admitted += [at] * row["admitted"]
            assert sum(at - 60 < moment <= at for moment in admitted) <= limit
            if row["admitted"] < asked:
                assert sum(at - 61 <= moment for moment in admitted) >= limit, "refused only where it is used up"


@pytest.mark.parametrize("seed", range(4))
async def test_who_waits_as_long_as_told_is_admitted(module_database: Database, seed: int) -> None:
    choice = random.Random(seed)
    at = choice.random()
    refusals = 0
    async with clock(module_database, 5) as window:
        for _ in range(60):
            row = await window.admit(at, choice.choice((1, 1, 2, 3)))
            if row["retry_after"] is None:
                at += choice.random() * 12
                continue
            refusals += 1
            assert 1 <= row["retry_after"] <= row["reset_after"] <= 61
            early = await window.admit(at + row["retry_after"] - 1.001)
            assert early["admitted"] == 0, "nor is it told to wait a second too long"
            at += row["retry_after"]
            assert (await window.admit(at))["admitted"] == 1
    assert refusals > 5


@pytest.mark.parametrize(("ends", "left"), [("commit", 4), ("rollback", 5)])
async def test_admissions_at_the_same_moment_share_one_window(module_database: Database, ends: str, left: int) -> None:
    """The very first of a key makes the window, and the others wait to see what becomes of it."""
    key = await module_database.create_key(rate_limit=5)
    admit = "select admitted from api.admit(sha256(convert_to($1, 'UTF8')))"
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(module_database.cluster.session(module_database.name))
        first, *others = [await stack.enter_async_context(api_session(module_database)) for _ in range(21)]
        await first.execute("begin")
        assert await first.fetchval(admit, key) == 1
        async with asyncio.TaskGroup() as crowd:
            runs = [crowd.create_task(session.fetchval(admit, key)) for session in others]
            await until_blocked(watch, first, len(others))
            await first.execute(ends)
    assert sum(run.result() for run in runs) == left


async def test_after_reset_the_whole_limit_is_there(module_database: Database) -> None:
    async with clock(module_database, 10) as window:
        await window.admit(0.4, 3)
        row = await window.admit(30.6, 4)
        assert (row["rate_limit"], row["remaining"], row["retry_after"]) == (10, 3, None)
        assert (await window.admit(30.6 + row["reset_after"], 10))["admitted"] == 10


async def test_privacy_requests_have_slots_of_a_minute(module_database: Database) -> None:
    async with clock(module_database, 0, "privacy") as window:  # the limit of a key is for the other classes
        assert (await window.admit(10, 12))["admitted"] == 10
        row = await window.admit(1800)
        assert row["admitted"] == 0
        assert 0 < row["retry_after"] <= 3600
        assert (await window.admit(1800 + row["retry_after"]))["admitted"] == 1


async def test_last_used_at_is_kept_to_the_minute(module_database: Database) -> None:
    """One update a minute, and none where somebody else has the row: nobody waits for it."""
    minute = 60 - START % 60
    async with clock(module_database, 0) as window:
        written = []
        for second in (0.0, 1.5, 59.9, 60.0, 61.0, 119.9, 3600.2):
            await window.admit(minute + second)
            row = await window.session.fetchrow(LAST_USED, window.key_hash)
            assert row is not None
            assert row["at"] == START + minute + second // 60 * 60
            written.append(row["xmin"])
        assert [written.index(version) for version in written] == [0, 0, 0, 3, 3, 3, 6]

        lock = f"select from core.api_keys where key_hash = '\\x{window.key_hash.hex()}' for update"
        async with transaction(module_database, lock):
            await window.session.execute("set statement_timeout = '20s'")
            assert (await window.admit(minute + 7200))["admitted"] == 1
        row = await window.session.fetchrow(LAST_USED, window.key_hash)
        assert row is not None
        assert row["xmin"] == written[-1]
