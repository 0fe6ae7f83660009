"""How a phone uploads its walk.

The common phone queues a point whenever it has one; every so often its worker sends up to 50 queued points one by
one. It sends no idempotency key: a point that failed is sent again when the worker next runs, at most five times.
The other kind gathers 50 points and sends them as a batch; a batch without an answer is sent again under the same
idempotency key. What the server refuses for good is not sent again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from demo.tracks import Point, Track
from demo.uplink import LostError, RefusedError, Uplink

BATCH = 50
RUN = 50  # points a worker sends in one run
WORKER_EVERY_MS = 15 * 60_000
LEAST_RUNS = 10  # on a short walk the worker runs more often
MOST_RESENDS = 5
SINGLES_WHEN_MIXED = 40  # points sent one by one in all: two replays fit into a limit of 100 requests a minute


@dataclass(slots=True)
class Tally:
    """What the server said; a point whose answer was lost and that was sent again counts as a duplicate."""

    stored: int = 0
    duplicates: int = 0
    failed: int = 0
    resent: int = 0


class Pace:
    """The time of the walk, `speed` times as fast as ours; 0 waits for nothing."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start = time.monotonic()

    async def until(self, walked_ms: float) -> None:
        if self._speed > 0:
            await asyncio.sleep(self._start + walked_ms / 1000 / self._speed - time.monotonic())


@dataclass(slots=True)
class _Queued:
    point: Point
    resends: int = 0


@dataclass(slots=True)
class Phone:
    """A track on its way to the server; its last `singles` points go one by one, those before as batches."""

    track: Track
    device_id: str
    singles: int
    end_ms: int = 0
    tally: Tally = field(default_factory=Tally)
    arrived: Callable[[int], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None

    @property
    def manner(self) -> str:
        count = len(self.track.points)
        if self.singles >= count:
            return "one by one"
        return f"batches, last {self.singles} one by one" if self.singles else "batches"

    async def replay(self, uplink: Uplink, pace: Pace) -> None:
        points = self.track.points
        split = max(len(points) - self.singles, 0)
        for first in range(0, split, BATCH):
            batch = points[first : min(first + BATCH, split)]
            await pace.until(self._walked(batch[-1]))
            await self._send_batch(uplink, batch)
        await self._work(uplink, pace, deque(points[split:]))

    async def _send_batch(self, uplink: Uplink, batch: tuple[Point, ...]) -> None:
        body = {"device_id": self.device_id, "locations": [point.as_location(self.end_ms) for point in batch]}
        key = str(uuid4())
        for resends in range(MOST_RESENDS + 1):
            try:
                self._count(*await uplink.upload("locations/batch", body, key))
            except RefusedError as error:
                return self._give_up(len(batch), str(error))
            except LostError as error:
                if resends == MOST_RESENDS:
                    return self._give_up(len(batch), str(error))
                self.tally.resent += len(batch)
                await asyncio.sleep(_pause(resends))
            else:
                return None
        return None

    async def _work(self, uplink: Uplink, pace: Pace, ahead: deque[Point]) -> None:
        every = min(WORKER_EVERY_MS, self.track.length_ms / LEAST_RUNS)
        queue: list[_Queued] = []
        run_at, bad_runs = self._walked(ahead[0]) if ahead else 0.0, 0
        while ahead or queue:
            run_at = min(run_at + every, self.track.length_ms)
            await pace.until(run_at)
            while ahead and self._walked(ahead[0]) <= run_at:
                queue.append(_Queued(ahead.popleft()))
            again = [item for item in queue[:RUN] if not await self._send_one(uplink, item)]
            queue = again + queue[RUN:]
            if again:
                await asyncio.sleep(_pause(bad_runs))
            bad_runs = bad_runs + 1 if again else 0

    async def _send_one(self, uplink: Uplink, item: _Queued) -> bool:
        """False where the point is to be sent again."""
        try:
            body = {"device_id": self.device_id, **item.point.as_location(self.end_ms)}
            self._count(*await uplink.upload("locations", body))
        except RefusedError as error:
            self._give_up(1, str(error))
        except LostError as error:
            if item.resends < MOST_RESENDS:
                item.resends += 1
                self.tally.resent += 1
                return False
            self._give_up(1, str(error))
        return True

    def _walked(self, point: Point) -> int:
        """How long into the walk the point was captured."""
        return self.track.length_ms - point.before_end_ms

    def _count(self, stored: int, duplicates: int) -> None:
        self.tally.stored += stored
        self.tally.duplicates += duplicates
        self.arrived(stored + duplicates)

    def _give_up(self, count: int, why: str) -> None:
        self.tally.failed += count
        self.arrived(count)
        self.say(f"{self.track.display_name}: {count} point{'s' * (count > 1)} not stored: {why}")


def singles(mode: str, counts: list[int]) -> list[int]:
    """How many of each phone's points go one by one; mixed: every other phone's last ones, few enough in all."""
    if mode == "single":
        return counts
    if mode == "batch":
        return [0] * len(counts)
    share = max(SINGLES_WHEN_MIXED // len(counts[::2]), 1)
    return [0 if i % 2 else min(share, count) for i, count in enumerate(counts)]


def _pause(times: int) -> float:
    return float(min(0.5 * 2**times, 8))
