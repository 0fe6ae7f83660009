"""What a measurement found, and what several found together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.processes import CpuTime


@dataclass(frozen=True)
class Figures:
    """A measurement. CPU times are milliseconds a request (or transaction, or row)."""

    rate: float
    """Requests, transactions or rows a second."""
    p50: float = 0
    p95: float = 0
    p99: float = 0
    """Milliseconds."""
    errors: float = 0
    """Answers that were no success, connections that broke, points answered for and not stored."""
    late: float = 0
    """Requests that could not be sent at their time, for a constant rate."""
    cpu_server: float = 0
    cpu_postgres: float = 0
    cpu_load: float = 0
    others: float = 0
    """The share of the machine's CPU time that went to programs that have nothing to do with this."""
    wal: float = 0
    """Bytes of the write-ahead log a request, pages that were copied whole after a checkpoint among them."""
    parts: dict[str, float] = field(default_factory=dict)
    """p95 by call, for a mixed load at a constant rate."""

    @property
    def cpu(self) -> float:
        """What the service took for a request, without the load generator."""
        return self.cpu_server + self.cpu_postgres

    def with_cpu(self, spent: CpuTime, requests: float, elapsed: float) -> Figures:
        """The same with the CPU time that so many requests took."""
        each = 1000 / max(requests, 1)
        return replace(
            self,
            cpu_server=spent.server * each,
            cpu_postgres=spent.postgres * each,
            cpu_load=spent.load * each,
            others=spent.others / elapsed / (os.cpu_count() or 1),
        )


def middle(found: Sequence[Figures]) -> Figures:
    """The median of each figure; errors add up."""
    names = [f.name for f in fields(Figures) if f.name not in ("errors", "parts")]
    return Figures(
        **{name: median(getattr(figures, name) for figures in found) for name in names},
        errors=sum(figures.errors for figures in found),
        parts={name: median(figures.parts[name] for figures in found) for name in found[0].parts},
    )


def middle_ratio(
    found: Sequence[Figures], yardstick: Sequence[Figures], name: str = "rate", factor: float = 1
) -> float:
    """The median ratio of measurements to those of the yardstick that were made next to them."""
    pairs = zip(found, yardstick, strict=True)
    values: list[float] = [factor * getattr(one, name) / getattr(other, name) for one, other in pairs]
    return median(values)
