"""Ways to break the product, each of which a test must notice. Run by scripts/try-tests."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import TEMPLATE, Cluster
from tests.own_cluster import operate, run
from tests.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

COPIED = ("app", "sql", "tests", "scripts", "config", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """A fault: in a file, this text becomes that; and tests that must fail for it."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    """A pgTAP file of sql/tests, or arguments of pytest."""


MUTATIONS = (
    Mutation(
        "drop the lock of a group",
        "sql/functions/api/register_device.sql",
        "    perform core.lock_name('group', v_request.group_id);\n",
        "",
        "tests/test_concurrency.py",
    ),
    Mutation(
        "drop the lock of an idempotency key",
        "sql/functions/core/find_replay.sql",
        "    perform core.lock_name('idempotency key', concat_ws(' ', v_api_key_id, p_endpoint, p_context ->> "
        "'idempotency_key'));\n",
        "",
        "tests/test_concurrent_uploads.py -k idempotency",
    ),
    Mutation(
        "drop the lock of a device",
        "sql/functions/core/store_locations.sql",
        "and d.active for no key update;",
        "and d.active;",
        "tests/test_erasure.py tests/test_concurrent_uploads.py tests/faults/test_isolation.py",
    ),
    Mutation(
        "wait for held devices",
        "sql/functions/core/store_together.sql",
        "for no key update skip locked",
        "for no key update",
        "tests/faults/test_isolation.py -k shared",
    ),
    Mutation(
        "take the device before the group",
        "sql/functions/admin/move_device.sql",
        "    perform core.lock_name('group', p_group_id);\n    v_device := core.require_device(p_device_id);\n",
        "    v_device := core.require_device(p_device_id);\n    perform core.lock_name('group', p_group_id);\n",
        "tests/faults/test_isolation.py -k group",
    ),
    Mutation(
        "commit without waiting for the disk",
        "sql/functions/core/store_locations.sql",
        "begin\n    perform from",
        "begin\n    perform set_config('synchronous_commit', 'off', true);\n    perform from",
        "tests/faults/test_crash.py",
    ),
    Mutation(
        "answer before the commit",
        "app/database.py",
        'return cast("list[asyncpg.Record]", await connection.fetch(statement, *arguments))',
        'await connection.execute("begin")\n                rows = await connection.fetch(statement, *arguments)\n'
        "                asyncio.get_running_loop().call_later(\n"
        '                    0.05, lambda: asyncio.ensure_future(connection._con.execute("commit"))\n'
        "                )\n"
        '                return cast("list[asyncpg.Record]", rows)',
        "tests/test_upload.py tests/faults/test_crash.py -x",
    ),
    Mutation(
        "skip the fingerprint",
        "sql/functions/core/find_replay.sql",
        "if v_stored.request_hash <> core.fingerprint(p_request) then",
        "if false then",
        "sql/tests/api_idempotency.sql",
    ),
    Mutation(
        "widen a privilege",
        "sql/functions/admin/create_api_key.sql",
        "timestamptz) to pm_admin;",
        "timestamptz) to pm_admin, pm_api;",
        "sql/tests/privileges.sql",
    ),
    Mutation(
        "let the API read a table",
        "sql/schema/api_keys.sql",
        "comment on table core.api_keys",
        "grant select on core.api_keys to pm_api;\ncomment on table core.api_keys",
        "sql/tests/intruders.sql",
    ),
    Mutation(
        "forget a REVOKE",
        "sql/functions/core/erase_device.sql",
        "revoke all on function core.erase_device(uuid, jsonb) from public;",
        "",
        "sql/tests/privileges.sql",
    ),
    Mutation(
        "forget a search_path",
        "sql/functions/api/list_devices.sql",
        "security definer set search_path = pg_catalog, pg_temp",
        "security definer",
        "sql/tests/privileges.sql",
    ),
    Mutation(
        "look for names in the caller's temporary schema first",
        "sql/functions/api/register_device.sql",
        "set search_path = pg_catalog, pg_temp",
        "set search_path = ''",
        "sql/tests/temporary_objects.sql",
    ),
    Mutation(
        "leak a key into the log",
        "app/endpoint.py",
        '        scope["state"]["api_key_id"] = admission.api_key_id\n',
        '        scope["state"]["api_key_id"] = headers.get(b"x-api-key", b"").decode()\n',
        "tests/test_logs.py",
    ),
    Mutation(
        "leak a position into the database's log",
        "sql/functions/core/store_locations.sql",
        "message = 'Device not found. Please register first.';",
        "message = 'Device not found. Please register first. ' || p_points.latitude[1];",
        "tests/faults/test_postgresql_log.py",
    ),
    Mutation(
        "send the key itself to the database",
        "app/admission.py",
        "name = (sha256(key).digest(), limit_class)",
        "name = (key, limit_class)",
        "tests/faults/test_postgresql_log.py -k hash",
    ),
    Mutation(
        "count duplicates as new",
        "sql/functions/core/store_points.sql",
        "coalesce(s.stored, 0)",
        "r.points",
        "sql/tests/core_uploads.sql",
    ),
    Mutation(
        "drop the ON CONFLICT",
        "sql/functions/core/store_points.sql",
        "        on conflict (device_id, captured_at) do nothing\n",
        "",
        "sql/tests/core_uploads.sql",
    ),
    Mutation(
        "let an older point be the last location",
        "sql/functions/core/store_points.sql",
        "last_latitude = case when d.last_captured_at >= n.captured_at then d.last_latitude else n.latitude end",
        "last_latitude = n.latitude",
        "sql/tests/core_uploads.sql",
    ),
    Mutation(
        "accept 51 points",
        "sql/functions/core/batch_error.sql",
        "max_batch_size",
        "max_batch_size + 1",
        "sql/tests/api_upload_locations.sql",
    ),
    Mutation(
        "forget the retention in an export",
        "sql/functions/api/export_page.sql",
        "            and l.captured_at >= v_cutoff\n",
        "",
        "sql/tests/api_export.sql",
    ),
    Mutation(
        "change the order of the listing",
        "sql/functions/core/group_listing.sql",
        "order by d.display_name, d.device_id",
        "order by d.device_id",
        "sql/tests/api_list_devices.sql",
    ),
    Mutation(
        "take 21 devices",
        "sql/functions/core/require_place.sql",
        "v_active >= v_limit",
        "v_active > v_limit",
        "sql/tests/core_locks_and_groups.sql",
    ),
    Mutation(
        "admit one request too many",
        "sql/functions/api/admit.sql",
        "least(p_requests, rate_limit - v_window.total)",
        "least(p_requests, rate_limit + 1 - v_window.total)",
        "sql/tests/api_admit_window.sql",
    ),
    Mutation(
        "forget a slot of the window",
        "sql/functions/api/admit.sql",
        "for v_step in 1 .. slot - v_window.last_slot loop",
        "for v_step in 0 .. slot - v_window.last_slot loop",
        "sql/tests/api_admit_window.sql",
    ),
    Mutation(
        "forget Cache-Control",
        "app/middleware.py",
        '    (b"cache-control", b"no-store"),\n',
        "",
        "tests/test_headers.py -x",
    ),
    Mutation(
        "swallow a failure in the middle of an export",
        "app/export.py",
        "            transport.abort()  # close() would wait for what the client has not taken yet\n",
        '            await send({"type": "http.response.body", "body": b"", "more_body": False})\n            return\n',
        "tests/test_export_breaks.py -x",
    ),
    Mutation(
        "let PostgreSQL remember that a partition was missing",
        "sql/functions/core/create_partition.sql",
        "if exists (select from pg_catalog.pg_class c where c.relnamespace = 'core'::regnamespace and 'core.' || "
        "c.relname = v_name) then",
        "if to_regclass(v_name) is not null then",
        "tests/faults/test_isolation.py -k partition",
    ),
    Mutation(
        "write partitions' bounds as the session likes",
        "sql/functions/core/create_partition.sql",
        "set datestyle = 'ISO'  -- bounds",
        "-- bounds",
        "tests/faults/test_isolation.py -k partition",
    ),
    Mutation(
        "choose a partition before the device is locked",
        "sql/functions/core/create_partition.sql",
        "    lock table core.devices in share row exclusive mode;\n",
        "",
        "tests/faults/test_isolation.py tests/test_job_partitions.py",
    ),
)


async def install(cluster: Cluster, tree: Path) -> None:
    """Makes the template anew, with the schema of a tree."""
    await cluster.drop(TEMPLATE)
    await cluster.create(TEMPLATE, "template0")
    script = str(tree / "sql" / "install.sql")
    (await operate(cluster, TEMPLATE, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", script)).succeeded()


async def caught_by(cluster: Cluster, tree: Path, tests: str) -> list[str]:
    """Runs tests in a tree; those that fail."""
    if tests.startswith("sql/"):
        await cluster.drop("pm_tap")
        await cluster.create("pm_tap")
        extensions = "create extension pgtap; create extension plpgsql_check"
        (await operate(cluster, "pm_tap", "psql", "-Xq", "-c", extensions)).succeeded()
        outcome = await operate(cluster, "pm_tap", "psql", "-Xqt", "-f", str(tree / tests))
        failed = [line.strip() for line in outcome.output.splitlines() if re.match(r" *not ok|psql.*ERROR", line)]
        return [f"{tests}: {line}" for line in failed]
    options = ["-q", "-x", "-m", "not long", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
    command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", *options]
    outcome = await run("env", "-C", str(tree), *command, *tests.split(), PYTHONDONTWRITEBYTECODE="1")
    assert outcome.code in (0, 1, 2), outcome.output
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", outcome.output, re.MULTILINE)


@contextmanager
def copy(work: Path) -> Iterator[Path]:
    """A copy of the project."""
    tree = work / "tree"
    tree.mkdir()
    try:
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tree / name)
        yield tree
    finally:
        shutil.rmtree(tree)


async def check_whole(cluster: Cluster, work: Path, mutations: list[Mutation]) -> None:
    """As long as nothing is broken, none of the tests fails."""
    with copy(work) as tree:
        await install(cluster, tree)
        for tests in sorted({mutation.tests for mutation in mutations}):
            assert await caught_by(cluster, tree, tests) == [], "this fails already"


async def attempt(cluster: Cluster, work: Path, mutation: Mutation) -> bool:
    """Breaks a copy and runs the tests; whether one failed."""
    with copy(work) as tree:
        file = tree / mutation.file
        text = file.read_text()
        assert text.count(mutation.old) == 1, f"{mutation.name}: {mutation.file} has changed"
        file.write_text(text.replace(mutation.old, mutation.new))
        started = time.monotonic()
        await install(cluster, tree)
        caught = await caught_by(cluster, tree, mutation.tests)
        seconds = time.monotonic() - started
        print(f"{'caught' if caught else 'MISSED'}  {mutation.name} ({seconds:.0f} s)", flush=True)  # noqa: T201
        for test in caught[:3]:
            print(f"          {test}", flush=True)  # noqa: T201
        return bool(caught)


async def main(work: Path, words: list[str]) -> int:
    """Tries all mutations, or those with one of these words in their names; how many no test noticed."""
    cluster = Cluster.at(str(work / "cluster"))
    chosen = [one for one in MUTATIONS if not words or any(word in one.name for word in words)]
    await check_whole(cluster, work, chosen)
    caught = [await attempt(cluster, work, mutation) for mutation in chosen]
    print(f"{sum(caught)} of {len(caught)} caught")  # noqa: T201
    return len(caught) - sum(caught)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2:])) > 0)
