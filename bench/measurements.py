"""The measurements of a run, in an order that shares the noise of the machine fairly."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from bench import closed_loop, constant_rate, yardsticks
from bench.options import CONSTANT, HIGHEST
from bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.figures import Figures
    from bench.options import Options
    from bench.stack import Stack

COPY = "copy"
PGBENCH = "pgbench"

Key = tuple[str, str, int]
"""The name of a stack; of a scenario, or COPY, or PGBENCH and a scenario's name; connections."""

Step = tuple[str, Key, "Callable[[], Figures]"]

# Seconds that a measurement takes beside its own length.
OVERHEAD = {COPY: 5.0, PGBENCH: 1.8, CONSTANT: 4.0, HIGHEST: 100.0}
OVERHEAD_LOOP = 0.6


def plan(options: Options, stacks: Sequence[Stack]) -> list[Step]:
    """All measurements: what is compared with something stands next to it, and is done again in each round.

    Loads of fewer connections are compared with nothing, and done once.
    """
    most = max(options.connections)
    steps: list[Step] = []
    for round_number in range(options.rounds):
        for name in (name for name in options.only if name in SCENARIOS):
            if options.yardsticks:
                steps += _yardsticks(options, stacks[0], name)
            for stack in stacks if round_number % 2 == 0 else reversed(stacks):
                steps.append(_loop(options, stack, name, most))
    for name in (name for name in options.only if name in SCENARIOS):
        for connections in options.connections[:-1]:
            steps += [_loop(options, stack, name, connections) for stack in stacks]
    if CONSTANT in options.only:
        steps += [_constant(options, stack) for stack in stacks]
    if HIGHEST in options.only:
        steps += [_highest(stack) for stack in stacks]
    return steps


def expected_seconds(options: Options, steps: Sequence[Step]) -> float:
    """How long they take, about."""
    seconds = 0.0
    for _, (_, name, _), _ in steps:
        kind = name.split()[0]
        length = {COPY: 0.0, CONSTANT: options.rate_seconds, HIGHEST: 0.0}.get(kind, options.seconds)
        seconds += length + OVERHEAD.get(kind, OVERHEAD_LOOP)
    return seconds


def carry_out(steps: Sequence[Step]) -> dict[Key, list[Figures]]:
    """Does them all, and tells each as it is done."""
    found: dict[Key, list[Figures]] = defaultdict(list)
    started = time.monotonic()
    for number, (title, key, measure) in enumerate(steps, 1):
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        print(f"[{number:3}/{len(steps)}  {minutes}:{seconds:02}] {title:<58}", end="", flush=True)
        figures = measure()
        found[key].append(figures)
        trouble = f"  {figures.errors:.0f} ERRORS" if figures.errors else ""
        p95 = f"p95 {figures.p95:>8,.1f} ms" if figures.p95 else " " * 15
        print(f"{figures.rate:>10,.0f}/s  {p95}  others {figures.others:>4.0%}{trouble}", flush=True)
    return found


def warm_up(options: Options, stacks: Sequence[Stack]) -> None:
    """Opens the server's connections and has them plan their statements."""
    for stack in stacks:
        for name in {
            "live",
            *options.only,
            *(("mixed",) if {CONSTANT, HIGHEST} & {*options.only} else ()),
        } & SCENARIOS.keys():
            closed_loop.measure(stack, name, max(options.connections), 1)


def _yardsticks(options: Options, stack: Stack, name: str) -> Iterator[Step]:
    if name == "batches":
        yield "COPY", (stack.name, COPY, 1), lambda: yardsticks.measure_copy(stack)
    if SCENARIOS[name].pgbench:
        title = f"pgbench: {SCENARIOS[name].title}, {yardsticks.CLIENTS} clients"
        key = (stack.name, f"{PGBENCH} {name}", yardsticks.CLIENTS)
        yield title, key, lambda: yardsticks.measure_pgbench(stack, name, options.seconds)


def _loop(options: Options, stack: Stack, name: str, connections: int) -> Step:
    title = f"{stack.name}: {SCENARIOS[name].title}, {connections} connections"
    return (
        title,
        (stack.name, name, connections),
        lambda: closed_loop.measure(stack, name, connections, options.seconds),
    )


def _constant(options: Options, stack: Stack) -> Step:
    title = f"{stack.name}: mixed at {options.rate}/s for {options.rate_seconds} s"
    return title, (stack.name, CONSTANT, 0), lambda: constant_rate.measure(stack, options.rate, options.rate_seconds)


def _highest(stack: Stack) -> Step:
    title = f"{stack.name}: mixed, the highest rate with p95 < {constant_rate.TARGET_MS:g} ms"
    return title, (stack.name, HIGHEST, 0), lambda: constant_rate.find_highest(stack)
