"""One instance, and three behind the balancer that is shipped. `python -m bench.instances`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from bench import closed_loop
from bench.figures import middle
from bench.processes import BenchError
from bench.stack import ROOT, free_port, serve, start, until_ready
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Figures

INSTANCES = 3
SCENARIOS = ("singles", "listings", "mixed")
CONNECTIONS = 128
SECONDS = 3
ROUNDS = 3
PROGRAM = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin:{ROOT}/.dev/tools")


def main() -> int:
    """Runs; returns the exit code: 1 where a request failed or a point was lost."""
    stop_on_signals()
    try:
        return _run()
    except BenchError as error:
        print(f"[bench] error: {error}", file=sys.stderr)
        return 1


def _run() -> int:
    errors = 0.0
    with ExitStack() as services, temporary_directory() as directory:
        stack = services.enter_context(start("instances", ROOT, directory / "0", {}))
        ports = [stack.port]
        for number in range(1, INSTANCES):
            place = directory / str(number)
            place.mkdir()
            ports.append(free_port())
            services.enter_context(serve(ROOT, place, ports[-1], stack.settings))
        balancer = services.enter_context(balance(ports))
        print("| | one instance, direct: requests/s | p95 ms | three behind the balancer: requests/s | p95 ms |")
        print("|---|---|---|---|---|")
        for name in SCENARIOS:
            found: dict[int, list[Figures]] = {ports[0]: [], balancer: []}
            for port in (port for _ in range(ROUNDS) for port in found):
                stack.port = port
                found[port].append(closed_loop.measure(stack, name, CONNECTIONS, SECONDS))
            one, three = middle(found[ports[0]]), middle(found[balancer])
            errors += one.errors + three.errors
            print(f"| {name} | {one.rate:,.0f} | {one.p95:.1f} | {three.rate:,.0f} | {three.p95:.1f} |", flush=True)
        print(f"\n{errors:.0f} errors; {CONNECTIONS} connections, medians of {ROUNDS} rounds of {SECONDS} s")
        services.close()
    return 1 if errors else 0


@contextmanager
def balance(ports: Sequence[int]) -> Iterator[int]:
    """Runs the balancer before instances on these ports; its own port."""
    if PROGRAM is None:
        raise BenchError("haproxy is missing: scripts/prepare test fetches it on Debian")
    port = free_port()
    places = {f"PM_INSTANCE_{number}": f"127.0.0.1:{each}" for number, each in enumerate(ports, 1)}
    process = subprocess.Popen(
        (PROGRAM, "-db", "-f", ROOT / "ops/haproxy.cfg"),
        env={**os.environ, **places, "PM_BALANCER_BIND": f"127.0.0.1:{port}"},
        stderr=subprocess.DEVNULL,
    )
    try:
        until_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
