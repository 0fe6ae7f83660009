"""Fills a private PostgreSQL with a month of points and tells what it takes. `python -m bench.load_history --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.history import Size, fill
from bench.processes import BenchError
from bench.stack import ROOT, deploy, sql, start_cluster
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BYTES_A_POINT = 250  # on the disk while it is filled, with WAL; stored it takes less
BYTES_A_DEVICE = 1_000
SPARE_BYTES = 3 << 30

SIZES_SQL = """
select
    (select sum(pg_table_size(i.inhrelid)) from pg_inherits i where i.inhparent = 'core.locations'::regclass),
    (select sum(pg_indexes_size(i.inhrelid)) from pg_inherits i where i.inhparent = 'core.locations'::regclass),
    pg_table_size('core.devices'), pg_indexes_size('core.devices'), pg_database_size(current_database())
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fills, checks, tells."""
    parser = argparse.ArgumentParser("bench/load_history", description=__doc__.partition(". `")[0] + ".")
    parser.add_argument("--devices", metavar="N", type=int, default=10_000)
    parser.add_argument("--points", metavar="N", type=int, default=30_000_000)
    parser.add_argument("--days", metavar="N", type=int, default=30, help="before now; retention is 30")
    parser.add_argument("--groups", metavar="N", type=int, help="default: one for 10 devices")
    parser.add_argument("--keep", metavar="DIRECTORY", type=Path, help="let PostgreSQL run there afterwards")
    given = parser.parse_args(arguments)
    size = Size(given.devices, given.points, given.groups or -(-given.devices // 10), given.days)
    stop_on_signals()
    try:
        size.check()
        _run(size, given.keep)
    except BenchError as error:
        print(f"[history] error: {error}", file=sys.stderr)
        return 1
    return 0


def require_room(directory: Path, sizes: Sequence[Size]) -> None:
    """Refuses to begin what would fill the disk."""
    needed = sum(BYTES_A_POINT * size.points + BYTES_A_DEVICE * size.devices for size in sizes) + SPARE_BYTES
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise BenchError(f"{directory} has {free / 1e9:.0f} GB left, and this may take {needed / 1e9:.0f} GB.")


def _run(size: Size, keep: Path | None) -> None:
    with ExitStack() as stack:
        directory = keep or stack.enter_context(temporary_directory())
        if keep:
            keep.mkdir(mode=0o711)
        require_room(directory, [size])
        print(f"[history] {size}, in {directory}", flush=True)
        cluster = directory / "0/cluster"
        cluster.parent.mkdir(mode=0o711)
        owner = stack.enter_context(start_cluster(ROOT, cluster, keep=keep is not None))
        deploy(owner, ROOT)
        began, wal = time.monotonic(), int(sql(owner, "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        fill(owner, size, lambda text: print(f"[history] {text}", flush=True))
        seconds = time.monotonic() - began
        _tell(owner, size, seconds, int(sql(owner, "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")) - wal)
        if keep:
            print(f"\nIt goes on running. Look around: set -a; . {cluster}/env; psql")
            print(f"In the end: scripts/cluster remove {cluster}; rm -r {keep}")


def _tell(owner: Mapping[str, str], size: Size, seconds: float, wal: int) -> None:
    heap, index, devices, device_index, database = map(int, sql(owner, SIZES_SQL).split("|"))
    points, many = size.points, size.devices
    print(f"\n{size}: {seconds:.0f} s\n\n| what | GB | bytes each |\n|---|---|---|")
    print(f"| points | {heap / 1e9:.2f} | {heap / points:.0f} |")
    print(f"| their primary key | {index / 1e9:.2f} | {index / points:.0f} |")
    print(f"| devices | {devices / 1e9:.3f} | {devices / many:.0f} |")
    print(f"| their indexes | {device_index / 1e9:.3f} | {device_index / many:.0f} |")
    print(f"| the whole database | {database / 1e9:.2f} | |")
    print(f"| WAL of filling it | {wal / 1e9:.2f} | {wal / points:.0f} |")


if __name__ == "__main__":
    sys.exit(main())
