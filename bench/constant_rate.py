"""The mixed load by k6: requests begin at a constant rate, whether or not earlier ones have been answered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from bench.figures import Figures
from bench.processes import program, run
from bench.scenarios import DEVICES, SCENARIOS, group_name
from bench.stack import ROOT

if TYPE_CHECKING:
    from bench.stack import Stack


def measure(stack: Stack, rate: int, seconds: int) -> Figures:
    """Loads a service. Requests that cannot begin because too many are unanswered are late."""
    scenario = SCENARIOS["mixed"]
    calls = list(dict.fromkeys(scenario.calls))
    names = [call.function for call in calls]
    load = {
        "url": stack.url,
        "rate": rate,
        "seconds": seconds,
        "devices": DEVICES,
        "first": stack.moment,
        "keys": stack.keys.many,
        "groups": [group_name(device) for device in range(DEVICES)],
        "calls": [
            {"name": call.function, "method": call.method, "path": call.path, "body": call.body, "points": call.points}
            for call in calls
        ],
        "order": [calls.index(call) for call in scenario.calls],
    }
    requests_file, summary_file = stack.directory / "requests.json", stack.directory / "summary.json"
    requests_file.write_text(json.dumps(load))
    command = (program("k6"), "run", "--quiet", "--no-usage-report", "--address", "", ROOT / "bench/load/mixed.js")
    first = stack.moment
    before, started = stack.cpu_time(), time.perf_counter()
    run(command, {"BENCH_REQUESTS": str(requests_file), "BENCH_SUMMARY": str(summary_file)})
    elapsed = time.perf_counter() - started
    spent = stack.cpu_time() - before
    stack.settle()

    metrics: dict[str, Any] = json.loads(summary_file.read_text())
    durations = metrics["http_req_duration"]["values"]
    answered = _count(metrics, "http_reqs")
    wrong = abs(stack.points_since(first) - _count(metrics, "points"))
    stack.skip_used_moments()
    return Figures(
        rate=answered / seconds,
        p50=durations["med"],
        p95=durations["p(95)"],
        p99=durations["p(99)"],
        errors=_count(metrics, "failed") + wrong,
        late=_count(metrics, "dropped_iterations"),
        parts={name: metrics[f"duration_{name}"]["values"]["p(95)"] for name in names},
    ).with_cpu(spent, answered, elapsed)


def _count(metrics: dict[str, Any], name: str) -> int:
    return int(metrics.get(name, {}).get("values", {}).get("count", 0))
