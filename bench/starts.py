"""The time from the start of a server to its first 200 of the readiness check. `python -m bench.starts [ROUNDS]`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.processes import child_seconds
from bench.stack import ROOT, free_port, serve, start

ROUNDS = 10


def main() -> None:
    """Measures, and prints the result. The schema is there, and the modules are compiled, as in an image."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    seconds, cpu = [], []
    with tempfile.TemporaryDirectory(prefix="phone-manager-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with start("start", ROOT, directory, {}) as stack:
            for _ in range(rounds):
                started = time.perf_counter()
                with serve(ROOT, directory, free_port(), stack.settings) as server:
                    seconds.append(time.perf_counter() - started)
                    cpu.append(child_seconds(server.pid))
    print(f"{rounds} starts of a server: median {median(seconds):.2f} s to its first 200, at most {max(seconds):.2f} s")
    print(f"CPU time of the server until then: median {median(cpu):.2f} s")


if __name__ == "__main__":
    main()
