"""The mixed load by k6: requests begin at a constant rate, whether or not earlier ones have been answered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from bench import k6
from bench.figures import Figures
from bench.processes import run
from bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from bench.stack import Stack

TARGET_MS = 200.0
"""What p95 may be at the highest rate."""

FIRST_RATE = 500
LEAST_RATE = 50
PRECISION = 0.05
SEARCH_SECONDS = 6
MOST_LATE = 0.001  # of all requests
USERS_PER_RATE = 0.5  # unanswered requests that k6 may have: more than the target allows


def measure(stack: Stack, rate: int, seconds: int) -> Figures:
    """Loads a service. Requests that cannot begin because too many are unanswered are late."""
    names = dict.fromkeys(call.function for call in SCENARIOS["mixed"].calls)
    first = stack.moment
    command, environment = k6.load_test(
        stack.directory,
        {
            "BASE_URL": stack.url,
            "API_KEYS": ",".join(stack.keys.many),
            "REGISTERED": "yes",
            "FIRST": first,
            "SCENARIO": "rate",
            "RATE": rate,
            "DURATION": seconds,
            "USERS": max(512, int(rate * USERS_PER_RATE)),
        },
    )
    summary_file = stack.directory / "summary.json"
    before, started = stack.cpu_time(), time.perf_counter()
    run((*command, "--summary-export", summary_file), environment)
    elapsed = time.perf_counter() - started
    spent = stack.cpu_time() - before
    stack.settle()

    metrics: dict[str, dict[str, Any]] = json.loads(summary_file.read_text())["metrics"]
    durations = metrics["http_req_duration{scenario:rate}"]
    answered = int(durations["count"])
    errors = int(metrics.get("failed", {}).get("count", 0)) + int(metrics["refused"]["passes"])
    wrong = abs(stack.points_since(first) - int(metrics["points"]["count"]))
    stack.skip_used_moments()
    return Figures(
        rate=answered / seconds,
        p50=durations["med"],
        p95=durations["p(95)"],
        p99=durations["p(99)"],
        errors=errors + wrong,
        late=int(metrics.get("dropped_iterations", {}).get("count", 0)),
        parts={name: metrics[f"duration_{name}"]["p(95)"] for name in names},
    ).with_cpu(spent, answered, elapsed)


def find_highest(stack: Stack, seconds: int = SEARCH_SECONDS) -> Figures:
    """The highest rate that is kept in time: doubled until one is not, then halved in between."""
    kept, low, high, rate = Figures(rate=0), 0, 0, FIRST_RATE
    while rate >= LEAST_RATE and (high == 0 or high - low > PRECISION * high):
        figures = measure(stack, rate, seconds)
        if figures.p95 < TARGET_MS and figures.late <= MOST_LATE * rate * seconds and not figures.errors:
            kept, low = figures, rate
        else:
            high = rate
        print(f"\n    {rate:>6}/s: p95 {figures.p95:,.1f} ms, {figures.late:.0f} late", end="", flush=True)
        rate = low * 2 if high == 0 else (low + high) // 2
    print()
    return kept
