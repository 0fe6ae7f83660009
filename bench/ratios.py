"""Figures beside their yardsticks, and the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.constant_rate import MOST_LATE
from bench.figures import Figures, middle, middle_ratio
from bench.measurements import COPY, PGBENCH
from bench.options import CONSTANT
from bench.scenarios import BATCH
from bench.yardsticks import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.measurements import Key
    from bench.options import Options


@dataclass(frozen=True)
class Target:
    """What a ratio or a time shall reach, now and later: at least, or at most."""

    now: float | None = None
    later: float | None = None
    at_most: bool = False


@dataclass(frozen=True)
class Ratio:
    """A figure and its yardstick."""

    title: str
    figure: str
    yardstick: str
    value: float
    target: Target
    by_cpu: float | None = None
    unit: str = ""
    spoilt: bool = False
    """Nothing is met, whatever the value."""

    def row(self) -> tuple[str, ...]:
        """The cells of a table: a goal, then whether it is reached."""
        value = f"{self.value:.1f}{self.unit}" if self.unit else f"{self.value:.2f}"
        by_cpu = "" if self.by_cpu is None else f"{self.by_cpu:.2f}"
        verdicts = (*self._verdict(self.target.now), *self._verdict(self.target.later))
        return (self.title, self.figure, self.yardstick, value, by_cpu, *verdicts)

    def _verdict(self, goal: float | None) -> tuple[str, str]:
        if goal is None:
            return "", ""
        met = self.value <= goal if self.target.at_most else self.value >= goal
        met = met and not self.spoilt
        return f"{'≤' if self.target.at_most else '≥'} {goal:g}{self.unit}", "met" if met else "not met"


UPLOADS = Target(0.35, 1.0)
TARGETS = {
    "singles": UPLOADS,
    "shared": UPLOADS,
    "batches": Target(),
    "listings": Target(later=0.8),
    "groups": Target(later=0.8),
    "registrations": Target(),
}
COPY_TARGET = Target(0.5, 0.85)
OVERHEAD_TARGET = Target(later=1.6, at_most=True)
CONSTANT_TARGETS = {"p95": Target(200, 20, at_most=True), "p99": Target(later=50, at_most=True)}


def ratios(found: Mapping[Key, Sequence[Figures]], stack: str, options: Options) -> list[Ratio]:
    """All that can be said of a stack."""
    most = max(options.connections)
    result = []
    for name, target in TARGETS.items():
        service = found.get((stack, name, most))
        # The uploads with one key call the same function as those with many.
        pgbench = found.get((stack, f"{PGBENCH} {'singles' if name == 'shared' else name}", CLIENTS))
        if service and pgbench:
            title = f"{name}, {most} connections : pgbench, {CLIENTS} clients"
            result.append(_ratio(title, service, pgbench, target))
    batches, copy = found.get((stack, "batches", most)), found.get((stack, COPY, 1))
    if batches and copy:
        result.append(_ratio(f"rows of batches, {most} connections : COPY", batches, copy, COPY_TARGET, factor=BATCH))
    live = found.get((stack, "live", most))
    for name in TARGETS:
        service = found.get((stack, name, most))
        if service and live:
            one, other = middle(service).cpu_server, middle(live).cpu_server
            value = middle_ratio(service, live, "cpu_server")
            title = f"server CPU, {name} : no database"
            result.append(Ratio(title, f"{one:.3f} ms", f"{other:.3f} ms", value, OVERHEAD_TARGET))
    if constant := found.get((stack, CONSTANT, 0)):
        median = middle(constant)
        spoilt = median.late > MOST_LATE * options.rate * options.rate_seconds
        for name, target in CONSTANT_TARGETS.items():
            value = getattr(median, name)
            title, figure = f"{name} of mixed at {options.rate}/s", f"{value:.1f} ms"
            result.append(Ratio(title, figure, "", value, target, unit=" ms", spoilt=spoilt))
    return result


def _ratio(
    title: str, service: Sequence[Figures], limit: Sequence[Figures], target: Target, factor: float = 1
) -> Ratio:
    one, other = middle(service), middle(limit)
    value = middle_ratio(service, limit, factor=factor)
    # COPY is one session: it could not use all the cores.
    by_cpu = (other.cpu + other.cpu_load) / (one.cpu + one.cpu_load) if factor == 1 else None
    return Ratio(title, f"{one.rate * factor:,.0f}/s", f"{other.rate:,.0f}/s", value, target, by_cpu)
