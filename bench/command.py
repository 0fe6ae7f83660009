"""A run from start to end: services up, measurements, report, everything removed again."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench import measurements, report
from bench.machine import describe
from bench.options import Options, parse
from bench.processes import BenchError, program, run
from bench.stack import ROOT, start
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.figures import Figures
    from bench.measurements import Key

RESULTS = ROOT / "bench/results"
HERE = "working tree"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs; returns the exit code: 1 where a request failed or a point was lost."""
    options = parse(arguments)
    stop_on_signals()
    try:
        return _run(options)
    except BenchError as error:
        print(f"[bench] error: {error}", file=sys.stderr)
        return 1


def _run(options: Options) -> int:
    with ExitStack() as services, temporary_directory() as directory:
        names = [HERE, options.against] if options.against else [HERE]
        stacks = []
        for position, name in enumerate(names):
            place = directory / str(position)
            place.mkdir(mode=0o711)
            root = ROOT if name == HERE else _check_out(name, directory / "source")
            print(f"[bench] starting PostgreSQL and the server ({name})", flush=True)
            stacks.append(services.enter_context(start(name, root, place, options.settings)))
        steps = measurements.plan(options, stacks)
        minutes = measurements.expected_seconds(options, steps) / 60
        print(f"[bench] warming up; then {len(steps)} measurements, about {minutes:.1f} minutes", flush=True)
        measurements.warm_up(options, stacks)
        found = measurements.carry_out(steps)
        lines = report.write(found, describe(stacks[0], options), options, names)
        lines += [
            "",
            *(f"{stack.name}: {stack.heap_only():.1%} of the updates of devices were HOT" for stack in stacks),
        ]
        print("\n" + "\n".join(lines) + "\n", flush=True)
        _keep(lines, found, options)
        services.close()
    return 1 if any(figures.errors for each in found.values() for figures in each) else 0


def _keep(lines: Sequence[str], found: dict[Key, list[Figures]], options: Options) -> None:
    """Writes the result down: as text, and every measurement as JSON."""
    local = RESULTS / "local"
    local.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    text = "```text\n" + "\n".join(lines) + "\n```\n"
    (local / f"{name}.md").write_text(text)
    measured = [
        {"stack": stack, "name": scenario, "connections": connections, "rounds": [asdict(figures) for figures in each]}
        for (stack, scenario, connections), each in found.items()
    ]
    (local / f"{name}.json").write_text(json.dumps({"options": asdict(options), "measured": measured}, indent=1) + "\n")
    print(f"[bench] written: bench/results/local/{name}.md and .json")
    if options.save:
        (RESULTS / f"{options.save}.md").write_text(text)
        print(f"[bench] written: bench/results/{options.save}.md")


def _check_out(revision: str, directory: Path) -> Path:
    """The files of a git revision, in a directory of their own."""
    directory.mkdir(mode=0o755)
    archive = directory.with_suffix(".tar")
    run((program("git"), "-C", ROOT, "archive", "--output", archive, revision))
    run((program("tar"), "-xf", archive, "-C", directory))
    (directory / ".venv").symlink_to(ROOT / ".venv")
    return directory
