"""Open connections to one worker, one in a hundred active: `python -m bench.connections [CONNECTIONS] [SECONDS]`."""

from __future__ import annotations

import asyncio
import gc
import itertools
import resource
import sys
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

from bench.scenarios import DEVICE, DEVICES, GROUP, MOMENT, SCENARIOS, device_name, group_name
from bench.stack import ROOT, start
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.stack import Stack

CONNECTIONS = 10_000
SECONDS = 15.0
ACTIVE = 100  # one in so many
PAUSE_SECONDS = 0.2  # of an active connection between two requests
OPENED_AT_A_TIME = 500
PER_ADDRESS = 20_000  # of the client; the kernel has 28,000 ports for each
ANSWER_SECONDS = 30
KEEP_ALIVE = "600"  # else a slow machine closes the first before the last is open
LIVE = b"GET /api/health/live HTTP/1.1\r\nHost: bench\r\n\r\n"


@dataclass
class Client:
    """Connections, and what became of their requests."""

    port: int
    open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    refused: int = 0
    errors: int = 0
    opening: list[float] = field(default_factory=list)
    answering: list[float] = field(default_factory=list)

    async def connect(self, number: int, gate: asyncio.Semaphore) -> None:
        """Opens a connection, and uses it once: it rests after an answer, as those of phones do."""
        async with gate:
            began = time.perf_counter()
            address = f"127.0.0.{2 + number // PER_ADDRESS}"
            try:
                pair = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
            except OSError:
                self.refused += 1
                return
            self.opening.append(time.perf_counter() - began)
            self.open.append(pair)
            await self.ask(len(self.open) - 1, LIVE)

    async def ask(self, place: int, request: bytes) -> None:
        """Sends a request, and waits for its answer."""
        reader, writer = self.open[place]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
            self.errors += not head.startswith(b"HTTP/1.1 200 ")
        except (OSError, EOFError, TimeoutError):
            self.errors += 1

    async def keep_asking(self, place: int, requests: Iterator[bytes], until: float) -> None:
        """Sends requests of the mixed load."""
        while (began := time.perf_counter()) < until:
            await self.ask(place, next(requests))
            self.answering.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)

    async def load(self, stack: Stack, requests: Iterator[bytes], active: int, seconds: float) -> str:
        """Has some of the connections ask; returns a row of what was found."""
        self.answering.clear()
        gc.freeze()  # this process shall not look through all connections while it measures
        before = stack.cpu_time()
        until = time.perf_counter() + seconds
        await asyncio.gather(*(self.keep_asking(place, requests, until) for place in range(active)))
        p50, p95, p99 = (quantiles(self.answering, n=100)[rank - 1] * 1000 for rank in (50, 95, 99))
        rate, cpu = len(self.answering) / seconds, (stack.cpu_time() - before).server / len(self.answering) * 1000
        return f"| {len(self.open):,} | {active} | {rate:,.0f} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {cpu:.3f} |"


def mixed(stack: Stack) -> Iterator[bytes]:
    """Requests of the mixed load, each new."""
    calls = SCENARIOS["mixed"].calls
    for number in itertools.count():
        lap, device = divmod(number, DEVICES)
        call = calls[(number + lap) % len(calls)]
        body = call.body if call.method == "POST" else ""
        for name, value in (
            (DEVICE, device_name(device)),
            (GROUP, group_name(device)),
            (MOMENT, f"{stack.moment + lap:08d}"),
        ):
            body = body.replace(name, value)
        key = stack.keys.many[number % len(stack.keys.many)]
        head = f"{call.method} {call.path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n"
        yield f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def measure(stack: Stack, connections: int, seconds: float) -> int:
    """Opens them, uses some, looks at all once more; returns how many requests or connections failed."""
    client, requests = Client(stack.port), mixed(stack)
    active = max(connections // ACTIVE, 1)
    gate = asyncio.Semaphore(OPENED_AT_A_TIME)
    await asyncio.gather(*(client.connect(number, gate) for number in range(active)))
    await client.load(stack, requests, active, seconds / 3)  # the server makes its sessions, and what it keeps
    rows = [await client.load(stack, requests, active, seconds)]

    before, began = stack.memory("VmRSS"), time.perf_counter()
    await asyncio.gather(*(client.connect(number, gate) for number in range(active, connections)))
    took, grown = time.perf_counter() - began, stack.memory("VmRSS") - before
    rows.append(await client.load(stack, requests, active, seconds))
    await asyncio.gather(*(client.ask(place, LIVE) for place in range(len(client.open))))

    print("| open | active | requests/s | p50 ms | p95 ms | p99 ms | server CPU ms |\n|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    print(f"\n{client.refused} connections refused, {client.errors} requests failed")
    print(f"opened {connections - active:,} in {took:.1f} s, the slowest in {max(client.opening) * 1000:,.0f} ms")
    each = grown / max(connections - active, 1) / 1024
    print(f"memory of the server: {each:.1f} KiB for each, {grown >> 20} MiB in all")
    for _, writer in client.open:
        writer.close()
    return client.refused + client.errors


def main() -> int:
    """Measures; returns 1 where a connection was refused, or a request failed."""
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else CONNECTIONS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < connections + 500:
        print(f"{connections} connections need more open files than {most}, see docs/scaling.md", file=sys.stderr)
        return 1
    stop_on_signals()
    settings = {"server__keep_alive_seconds": KEEP_ALIVE}
    with temporary_directory() as directory, start("connections", ROOT, directory / "0", settings) as stack:
        return 1 if asyncio.run(measure(stack, connections, seconds)) else 0


if __name__ == "__main__":
    sys.exit(main())
