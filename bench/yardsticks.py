"""The limits of the machine: the same functions without HTTP, called by pgbench; the same rows by COPY."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

from bench.figures import Figures
from bench.processes import LONGEST_SECONDS, BenchError, CpuTime, child_seconds, program
from bench.scenarios import BATCH, DEVICE, DEVICES, GROUP, GROUPS, MOMENT, MOMENT_MS, SCENARIOS, Call, device_name

if TYPE_CHECKING:
    from bench.stack import Stack

CLIENTS = 64
COPY_BATCHES = 4  # of each device
COLUMNS = (
    "device_id, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider,"
    " network_type"
)


def measure_pgbench(stack: Stack, name: str, seconds: float) -> Figures:
    """Calls the function of a scenario over the socket, as the server's role, and reads the rate of each second.

    The first does not count: each new session plans its statements in it.
    """
    script = stack.directory / "calls.sql"
    script.write_text(_script(SCENARIOS[name].calls[0]))
    command = (
        *(program("pgbench"), "--no-vacuum", "--protocol", "prepared", "--client", str(CLIENTS), "--jobs", "2"),
        *("--time", str(LONGEST_SECONDS), "--progress", "1", "--file", script),
        *("-D", "n=-1", "-D", f"first={stack.moment}"),
    )
    environment = {**os.environ, **stack.api}
    moments: list[tuple[CpuTime, float, float]] = []
    rates: list[float] = []
    said: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stderr or ():
                if not line.startswith("progress: "):
                    said.append(line)
                    continue
                moments.append((stack.cpu_time(), child_seconds(process.pid), time.perf_counter()))
                rates.append(float(line.split(" s, ")[1].split(" tps")[0]))
                if len(rates) > seconds:
                    break  # while its sessions are there: CPU times of processes that are just ending get lost
        finally:
            process.kill()
    if len(rates) <= seconds:
        raise BenchError(f"pgbench failed: {''.join(said[:5])}")
    stack.settle()
    stack.skip_used_moments()

    (cpu_before, load_before, started), (cpu_after, load_after, ended) = moments[0], moments[-1]
    rate = mean(rates[1:])
    # While it ran, pgbench was no ended load generator.
    spent = replace(cpu_after - cpu_before, load=load_after - load_before)
    return Figures(rate=rate, p50=CLIENTS / rate * 1000).with_cpu(spent, rate * (ended - started), ended - started)


def measure_copy(stack: Stack) -> Figures:
    """Copies rows like those of the batches, in the same order, into the same table with its foreign key."""
    rows = stack.directory / "rows.tsv"
    with rows.open("w") as output:
        for moment in range(stack.moment, stack.moment + COPY_BATCHES):
            for device in range(DEVICES):
                for number in range(BATCH):
                    output.write(_row(device, moment * MOMENT_MS + number * 2000))
    first = stack.moment
    copy = f"set timezone = 'UTC'; copy core.locations ({COLUMNS}) from stdin"
    before = stack.cpu_time()
    with rows.open() as given:
        started = time.perf_counter()
        done = subprocess.run(
            (program("psql"), "-Xq", "-c", copy),
            env={**os.environ, **stack.owner},
            stdin=given,
            check=False,
            capture_output=True,
        )
        elapsed = time.perf_counter() - started
    spent = stack.cpu_time() - before
    stack.moment += COPY_BATCHES
    number_of_rows = COPY_BATCHES * DEVICES * BATCH
    if done.returncode or stack.points_since(first) != number_of_rows:
        raise BenchError(f"COPY failed: {done.stderr.decode()}")
    rows.unlink()
    return Figures(rate=number_of_rows / elapsed).with_cpu(spent, number_of_rows, elapsed)


def _script(call: Call) -> str:
    """A pgbench script. JSON is made by format(), and parsed as the bytes of a body are."""
    template = call.body.replace(MOMENT, "%1$s").replace(DEVICE, "%2$s").replace(GROUP, "%3$s")
    context = """, '{"api_key_id": 1, "idempotency_key": null}'::jsonb""" if call.idempotent else ""
    placeholders = (("moment", MOMENT), ("device", DEVICE), ("group", GROUP))
    values = ", ".join(f"lpad(:{name}::text, {len(text)}, '0')" for name, text in placeholders)
    return (
        "\\set n :n + 1\n"
        f"\\set request :n * {CLIENTS} + :client_id\n"
        f"\\set device :request % {DEVICES}\n"
        f"\\set moment :first + :request / {DEVICES}\n"
        f"\\set group case when :device < {GROUPS * 10} then :device % {GROUPS} else {GROUPS} end\n"
        f"select * from api.{call.function}(format('{template}', {values})::jsonb{context});\n"
    )


def _row(device: int, milliseconds: int) -> str:
    seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(milliseconds // 1000))
    return (
        f"00000000-0000-4000-8000-{device_name(device)}\t{seconds}\t45.27318\t13.{milliseconds // MOMENT_MS}\t124.3"
        "\t6.5\t212.5\t13.9\t71\tfused\tLTE\n"
    )
