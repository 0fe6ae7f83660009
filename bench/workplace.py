"""Where a run works: a directory below /tmp that is removed at the end, also after Ctrl+C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "phone-manager-bench."
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """Has Ctrl+C and the like end the run in good order."""
    for number in SIGNALS:
        signal.signal(number, _stop)


@contextmanager
def temporary_directory() -> Iterator[Path]:
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


def _stop(number: int, _: object) -> NoReturn:
    """Ends the run; what follows is tidying up, which nobody shall interrupt."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    print("\n[bench] interrupted; removing everything", file=sys.stderr)
    sys.exit(128 + number)
