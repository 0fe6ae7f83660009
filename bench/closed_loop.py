"""A load by wrk: some connections, each sending its next request as soon as it has the answer to the last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.figures import Figures
from bench.processes import BenchError, program, run
from bench.scenarios import DEVICES, SCENARIOS, Call, group_name
from bench.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.scenarios import Scenario
    from bench.stack import Stack


def measure(stack: Stack, name: str, connections: int, seconds: float) -> Figures:
    """Loads a service and counts afterwards whether all points that it answered for are there."""
    scenario = SCENARIOS[name]
    first = stack.moment
    requests_file = stack.directory / "requests.lua"
    requests_file.write_text(_lua(stack, scenario))
    command = (
        *(program("wrk"), "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{max(round(seconds), 1)}s", "--timeout", "30s"),
        *("--script", ROOT / "bench/load/requests.lua", stack.url),
    )
    wal = stack.wal()
    before, started = stack.cpu_time(), time.perf_counter()
    printed = run(("sh", "-c", 'exec "$@" 2>&1 >/dev/null', "sh", *command), {"BENCH_REQUESTS": str(requests_file)})
    elapsed = time.perf_counter() - started
    spent = stack.cpu_time() - before
    stack.settle()

    try:
        requests, duration, p50, p95, p99, refused, broken = (float(word) for word in printed.split())
    except ValueError:
        raise BenchError(f"wrk failed: {printed}") from None
    wal = stack.wal() - wal
    if not requests:
        raise BenchError(f"The service answered no request; see the end of its log:\n{log_end(stack)}")
    lost = 0
    if scenario.points:
        lost = (
            _lost(scenario.calls, int(requests - refused), connections, stack.points_since(first)) if not refused else 0
        )
        stack.skip_used_moments()
    return Figures(
        rate=requests / duration * 1e6,
        p50=p50 / 1000,
        p95=p95 / 1000,
        p99=p99 / 1000,
        errors=refused + broken + lost,
        wal=wal / requests,
    ).with_cpu(spent, requests, elapsed)


def log_end(stack: Stack) -> str:
    """The last lines that the server wrote."""
    return (stack.directory / "server.log").read_text()[-1000:]


def _lost(calls: Sequence[Call], answered: int, connections: int, stored: int) -> int:
    """By how many points the database differs from what was answered, but for the requests under way at the end.

    Each connection may have had one: sent, perhaps stored, its answer not waited for. Where calls differ, it is not
    known which ones these were. Request 0 is not sent: wrk makes it to see what requests look like.
    """
    numbers = range(1, answered + connections + 1)
    points = [calls[(number + number // DEVICES) % len(calls)].points for number in numbers]
    most = sum(points)
    least = sum(points[:answered]) if len(calls) == 1 else most - max(points) * connections
    return max(least - stored, stored - most, 0)


def _lua(stack: Stack, scenario: Scenario) -> str:
    """The file that load/requests.lua reads."""
    calls = "".join(f"{{method = '{c.method}', path = '{c.path}', body = [=[{c.body}]=]}},\n" for c in scenario.calls)
    keys = ", ".join(f"'{key}'" for key in stack.keys.take(scenario.keys))
    groups = ", ".join(f"'{group_name(device)}'" for device in range(DEVICES))
    return (
        f"return {{host = '127.0.0.1:{stack.port}', devices = {DEVICES}, first = {stack.moment},\n"
        f"keys = {{{keys}}},\ncalls = {{{calls}}},\ngroups = {{{groups}}}}}\n"
    )
