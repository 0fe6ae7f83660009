"""The export of a device with many points, in turns with COPY of the same rows. `python -m bench.exports [POINTS]`."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.processes import BenchError, program, run
from bench.stack import ROOT, start

if TYPE_CHECKING:
    from bench.stack import Stack

POINTS = 1_000_000
ROUNDS = 3
DEVICE = "00000000-0000-4000-8000-000000000000"
MIB = 1 << 20

# Over the days that retention keeps; the points of the population go, so that the count is known.
FILL = f"""
update core.settings set privacy_rate_limit_per_hour = 0;
delete from core.locations where device_id = '{DEVICE}';
insert into core.locations (
    device_id, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider,
    network_type)
select '{DEVICE}', date_trunc('milliseconds', now()) - n * interval '29 days' / :points, 45 + random(), 13 + random(),
    round((random() * 100)::numeric, 1), round((random() * 20)::numeric, 1), round((random() * 359)::numeric, 1),
    round((random() * 30)::numeric, 1), n % 101, 'fused', 'wifi'
from generate_series(1, :points) n;
vacuum analyze core.locations;
checkpoint;
"""  # noqa: S608
COPY = f"""
copy (
    select captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider, network_type,
        created_at
    from core.locations where device_id = '{DEVICE}' order by captured_at
) to stdout
"""  # noqa: S608


def measure_copy(stack: Stack) -> float:
    """Copies the rows to nowhere; returns the seconds."""
    started = time.perf_counter()
    subprocess.run((program("psql"), "-XqAt", "-c", COPY), env=stack.owner, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measure_export(stack: Stack, coding: str, points: int) -> tuple[float, int, int]:
    """Exports them; returns the seconds, the bytes, and by how much the server's memory grew at most."""
    Path(f"/proc/{stack.server}/clear_refs").write_text("5")  # forgets the peak so far
    before = stack.memory("VmRSS")
    started = time.perf_counter()
    size, tail = 0, b""
    with socket.create_connection(("127.0.0.1", stack.port)) as connection:
        lines = (f"GET /api/v1/devices/{DEVICE}/data-export HTTP/1.1", "Host: bench", f"X-API-Key: {stack.keys.shared}")
        connection.sendall("\r\n".join((*lines, f"Accept-Encoding: {coding}", "Connection: close", "", "")).encode())
        while data := connection.recv(1 << 18):
            size += len(data)
            tail = (tail + data)[-100:]
    seconds = time.perf_counter() - started
    ending = b"\r\n0\r\n\r\n" if coding == "gzip" else b'], "location_count" : %d}\r\n0\r\n\r\n' % points
    if not tail.endswith(ending):
        raise BenchError("The export did not end well.")
    return seconds, size, stack.memory("VmHWM") - before


def main() -> None:
    """Measures, and prints a table."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    with tempfile.TemporaryDirectory(prefix="phone-manager-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with start("export", ROOT, directory, {}) as stack:
            run(
                (program("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"points={points}", "-f", "-"),
                stack.owner,
                given=FILL,
            )
            copies: list[float] = []
            exports: dict[str, list[tuple[float, int, int]]] = {"identity": [], "gzip": []}
            for _ in range(ROUNDS):
                copies.append(measure_copy(stack))
                for coding, measured in exports.items():
                    measured.append(measure_export(stack, coding, points))
    copy = median(copies)
    print(f"{points} points, medians of {ROUNDS} rounds\n")
    print("| what | seconds | points/s | of COPY | MB | memory grew by MiB |\n|---|---|---|---|---|---|")
    print(f"| COPY | {copy:.2f} | {points / copy:.0f} | 1 | | |")
    for coding, measured in exports.items():
        seconds, growth = median(one[0] for one in measured), max(one[2] for one in measured) / MIB
        rate, part, size = points / seconds, copy / seconds, measured[0][1] / 1e6
        print(f"| export, {coding} | {seconds:.2f} | {rate:.0f} | {part:.2f} | {size:.0f} | {growth:.1f} |")


if __name__ == "__main__":
    main()
