"""The result as text: tables of figures, ratios to the yardsticks, targets."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench.constant_rate import TARGET_MS
from bench.figures import Figures, middle, middle_ratio
from bench.measurements import COPY, PGBENCH
from bench.options import CONSTANT, HIGHEST
from bench.ratios import ratios
from bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.measurements import Key
    from bench.options import Options

QUIET = 0.1

HEAD = (
    "",
    "connections",
    "per second",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "errors",
    "server",
    "postgres",
    "load",
    "WAL",
    "others",
)


def write(
    found: Mapping[Key, Sequence[Figures]], machine: Sequence[str], options: Options, names: Sequence[str]
) -> list[str]:
    """All of it; names are those of the stacks, the one under test first."""
    lines = ["Phone Manager benchmark", *machine]
    for name in names:
        lines += ["", f"Service ({name}); CPU in ms and WAL in bytes a request, others: CPU of unrelated programs"]
        lines += _table([HEAD, *_service_rows(found, name, options)], left=1)
    limits = [(COPY, "COPY, rows"), *((f"{PGBENCH} {key}", f"pgbench: {SCENARIOS[key].title}") for key in SCENARIOS)]
    rows = [
        _row(title, count, middle(figures))
        for limit, title in limits
        for (stack, key, count), figures in found.items()
        if (stack, key) == (names[0], limit)
    ]
    if rows:
        lines += ["", "Yardsticks, without HTTP; p50: the mean"]
        lines += _table([HEAD, *rows], left=1)
    compared = ratios(found, names[0], options)
    if compared:
        lines += [
            "",
            "Ratios, medians over rounds; by CPU: what they would be if nothing but CPU were the limit",
        ]
        head = ("", "figure", "yardstick", "ratio", "by CPU", "target", "", "later", "")
        lines += _table([head, *(ratio.row() for ratio in compared)], left=1)
    if len(names) > 1:
        lines += ["", *_comparison(found, names)]
    busy = median(figures.others for each in found.values() for figures in each)
    if busy > QUIET:
        lines += ["", f"Unrelated programs took {busy:.0%} of the machine's CPU time: measure again when it is quiet."]
    errors = sum(figures.errors for each in found.values() for figures in each)
    if errors:
        lines += [
            "",
            f"!!! {errors:.0f} ERRORS, so the figures do not count: an answer that was no success, a connection",
        ]
        lines += ["!!! that broke, or a point that was answered for and is not stored."]
    return lines


def _service_rows(found: Mapping[Key, Sequence[Figures]], name: str, options: Options) -> list[tuple[str, ...]]:
    rows = []
    for scenario in SCENARIOS:
        title = SCENARIOS[scenario].title
        for connections in options.connections:
            if figures := found.get((name, scenario, connections)):
                rows.append(_row(title, connections, middle(figures)))
                title = ""
    if constant := found.get((name, CONSTANT, 0)):
        typical = middle(constant)
        rows.append(_row(f"mixed at {options.rate}/s", 0, typical))
        rows += [(f"  {part}", "", "", "", f"{p95:,.1f}", *[""] * 7) for part, p95 in typical.parts.items()]
        if typical.late:
            rows.append(("  not sent in time", "", f"{typical.late / options.rate_seconds:,.0f}", *[""] * 9))
    if highest := found.get((name, HIGHEST, 0)):
        rows.append(_row(f"mixed, the most with p95 < {TARGET_MS:g} ms", 0, middle(highest)))
    return rows


def _row(title: str, connections: int, figures: Figures) -> tuple[str, ...]:
    def milliseconds(value: float, digits: int = 1) -> str:
        return f"{value:,.{digits}f}" if value else ""

    return (
        title,
        str(connections or ""),
        f"{figures.rate:,.0f}",
        *(milliseconds(value) for value in (figures.p50, figures.p95, figures.p99)),
        f"{figures.errors:.0f}" + (" !!!" if figures.errors else ""),
        *(milliseconds(value, 3) for value in (figures.cpu_server, figures.cpu_postgres, figures.cpu_load)),
        f"{figures.wal:,.0f}" if figures.wal >= 1 else "",
        f"{figures.others:.0%}",
    )


def _comparison(found: Mapping[Key, Sequence[Figures]], names: Sequence[str]) -> list[str]:
    """The stacks side by side."""
    now, before = names
    head = ("", "connections", f"per second: {before}", now, "ratio", f"CPU ms: {before}", now, "ratio")
    rows = [head]
    for (stack, name, connections), figures in found.items():
        other = found.get((before, name, connections))
        if stack != now or other is None or name not in SCENARIOS:
            continue
        one, two = middle(other), middle(figures)
        costs = one.cpu, two.cpu
        rows.append(
            (
                *(SCENARIOS[name].title, str(connections)),
                *(f"{one.rate:,.0f}", f"{two.rate:,.0f}", f"{middle_ratio(figures, other):.2f}"),
                *(f"{costs[0]:.3f}", f"{costs[1]:.3f}", f"{costs[1] / costs[0]:.2f}"),
            )
        )
    return [f"{now} against {before}", *_table(rows, left=1)]


def _table(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Aligned columns, the first ones to the left; without those that hold nothing but their head."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    aligned = []
    for position, column in enumerate(columns):
        width = max(len(cell) for cell in column)
        aligned.append([cell.ljust(width) if position < left else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*aligned, strict=True)]
