"""Who waits for whom, and who shares a call, where calls end when the test says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from app.errors import Problem
from app.routes import ENDPOINTS
from app.together import CALLS, Together
from tests.waiting import until

if TYPE_CHECKING:
    from app.database import Database

UPLOADS, LISTINGS = (next(e for e in ENDPOINTS if e.function == name) for name in ("upload_location", "list_devices"))


class Calls:
    """A database whose calls end when the test says so."""

    def __init__(self) -> None:
        """No calls yet."""
        self.ends: list[asyncio.Future[list[dict[str, object]]]] = []
        self.requests: list[list[bytes]] = []

    async def fetch(self, _: str, requests: list[bytes]) -> list[dict[str, object]]:
        """A call."""
        end: asyncio.Future[list[dict[str, object]]] = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        self.requests.append(requests)
        await end
        return [{"request": number, "answer": body} for number, body in enumerate(requests, 1)]


async def turns(count: int = 5) -> None:
    """Lets the event loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("late", range(6))
async def test_one_that_comes_just_as_calls_end_is_not_forgotten(late: int) -> None:
    calls = Calls()
    together = Together(cast("Database", calls), UPLOADS, 30)
    first = [asyncio.create_task(together.ask(b"%d" % number)) for number in range(CALLS)]
    await turns()
    assert len(calls.ends) == CALLS
    for end in calls.ends:
        end.set_result([])
    await turns(late)
    last = asyncio.create_task(together.ask(b"last"))
    await turns()
    assert len(calls.ends) == CALLS + 1
    calls.ends[-1].set_result([])
    await asyncio.gather(*first)
    assert cast("dict[str, object]", await last)["answer"] == b"last"


async def test_calls_on_dead_connections_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.together.SLOW_SECONDS", 0.05)
    calls = Calls()
    together = Together(cast("Database", calls), UPLOADS, 0.5)
    stuck = [asyncio.create_task(together.ask(b"%d" % number)) for number in range(CALLS)]
    await turns()
    next_one = asyncio.create_task(together.ask(b"next"))

    async def another_call() -> bool:
        return len(calls.ends) > CALLS

    await until("another call begins", another_call)
    calls.ends[-1].set_result([])
    assert cast("dict[str, object]", await next_one)["answer"] == b"next"
    for result in await asyncio.gather(*stuck, return_exceptions=True):
        assert isinstance(result, Problem)
        assert result.status == 408


async def test_one_that_nobody_waits_with_is_called_at_once() -> None:
    calls = Calls()
    together = Together(cast("Database", calls), UPLOADS, 30)
    asked = asyncio.create_task(together.ask(b"lone"))
    await turns(1)
    assert len(calls.ends) == 1, "without another turn of the loop"
    calls.ends[0].set_result([])
    assert cast("dict[str, object]", await asked)["answer"] == b"lone"


@pytest.mark.parametrize("reads", [True, False])
async def test_of_reads_that_are_alike_one_is_asked(reads: bool) -> None:  # noqa: FBT001
    """None is answered by a call that had begun before it came."""
    calls = Calls()
    together = Together(cast("Database", calls), LISTINGS if reads else UPLOADS, 30)
    first = [asyncio.create_task(together.ask(b"%d" % number)) for number in range(CALLS)]
    await turns()
    asked = [asyncio.create_task(together.ask(request)) for request in (b"a", b"b", b"a", b"0")]
    await turns()
    for end in calls.ends:
        end.set_result([])
    await asyncio.gather(*first)
    await turns()
    assert calls.requests[CALLS:] == [[b"a", b"b", b"0"] if reads else [b"a", b"b", b"a", b"0"]]
    calls.ends[-1].set_result([])
    answers = [cast("dict[str, object]", row)["answer"] for row in await asyncio.gather(*asked)]
    assert answers == [b"a", b"b", b"a", b"0"]


async def test_who_has_given_up_is_not_asked_for() -> None:
    calls = Calls()
    together = Together(cast("Database", calls), LISTINGS, 30)
    first = [asyncio.create_task(together.ask(b"%d" % number)) for number in range(CALLS)]
    await turns()
    gone, stays = (asyncio.create_task(together.ask(request)) for request in (b"gone", b"stays"))
    await turns()
    gone.cancel()
    await turns()
    first[0].cancel()  # one that has a call of its own: its end is the end of the call
    await turns()
    assert calls.requests[CALLS:] == [[b"stays"]]
    for end in calls.ends:
        if not end.done():
            end.set_result([])
    assert cast("dict[str, object]", await stays)["answer"] == b"stays"
    await asyncio.gather(*first, return_exceptions=True)
