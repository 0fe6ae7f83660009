"""A run from start to end: services up, measurements, report, everything removed again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench import measurements, report
from bench.machine import describe
from bench.options import Options, parse
from bench.processes import BenchError, program, run
from bench.stack import ROOT, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Figures
    from bench.measurements import Key

RESULTS = ROOT / "bench/results"
PREFIX = "phone-manager-bench."
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HERE = "working tree"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs; returns the exit code: 1 where a request failed or a point was lost."""
    options = parse(arguments)
    tidy_up_on_signals()
    try:
        return _run(options)
    except BenchError as error:
        print(f"[bench] error: {error}", file=sys.stderr)
        return 1


def _run(options: Options) -> int:
    with ExitStack() as services, scratch_directory() as directory:
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


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A temporary directory. What a run left behind that was killed is removed first."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = old / "pid"
        if pid.is_file() and old.owner() == Path("/proc/self").owner() and not _is_run(pid.read_text()):
            _remove(old)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    directory.chmod(0o711)  # PostgreSQL runs as another user where we are root
    (directory / "pid").write_text(str(os.getpid()))
    try:
        yield directory
    finally:
        _remove(directory)


def _is_run(pid: str) -> bool:
    """Whether a process is a run of this program."""
    try:
        return b"bench" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _remove(directory: Path) -> None:
    for cluster in directory.glob("*/cluster"):
        subprocess.run((ROOT / "scripts/cluster", "remove", cluster), check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(directory, ignore_errors=True)


def tidy_up_on_signals() -> None:
    """Has a signal end the run as an exception does."""
    for number in SIGNALS:
        signal.signal(number, _stop)


def _stop(number: int, _: object) -> NoReturn:
    """Ends the run; what follows is tidying up, which nobody shall interrupt."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    print("\n[bench] interrupted; removing everything", file=sys.stderr)
    sys.exit(128 + number)
