"""The server's memory over an hour's worth of requests of the mixed load. `python -m bench.memories [REQUESTS]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import closed_loop
from bench.processes import BenchError
from bench.stack import ROOT, start

REQUESTS = 300_000
CONNECTIONS = 64
STEPS = 12  # the first two warm up
WARM_UP = 2
MIB = 1 << 20


def main() -> None:
    """Measures, and prints a table and the growth after the warm-up."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    sizes: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory(prefix="phone-manager-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with start("memory", ROOT, directory, {}) as stack:
            print("| requests | memory, MiB |\n|---|---|", flush=True)
            done, seconds = 0, 2.0
            while done < wanted:
                found = closed_loop.measure(stack, "mixed", CONNECTIONS, seconds)
                if found.errors:
                    raise BenchError(f"{found.errors:.0f} requests failed: {closed_loop.log_end(stack)}")
                done += int(found.rate * seconds)
                sizes.append((done, stack.memory("VmRSS")))
                print(f"| {done} | {sizes[-1][1] / MIB:.1f} |", flush=True)
                seconds = float(max(round(wanted / STEPS / found.rate), 1))
    warm_requests, warm = sizes[min(WARM_UP, len(sizes)) - 1]
    print(f"\nafter {warm_requests} requests: {(sizes[-1][1] - warm) / MIB:+.1f} MiB")


if __name__ == "__main__":
    main()
