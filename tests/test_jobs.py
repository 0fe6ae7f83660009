"""The jobs, each as an operator or a scheduler calls it: recorded, by whom it may be, and what stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cluster import API_PASSWORD
from tests.waiting import transaction

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.waiting import Session

# Each job, and something without which it cannot do its work.
JOBS = {
    "ensure_partitions": "core.settings",
    "cleanup_locations": "core.settings",
    "refresh_group_counts": "core.group_member_counts",
    "cleanup_idempotency_keys": "core.settings",
    "cleanup_rate_limits": "core.rate_limits",
    "cleanup_audit_log": "core.settings",
}
EVERY_JOB = pytest.mark.parametrize("job", JOBS)
RUNS = "select *, ended_at >= started_at as in_order from core.job_runs where job_name = $1 order by id"
MANY = 25_000
# Rows that are past their time, and one that is not.
OLD_ROWS = f"""
    insert into core.devices (device_id, display_name, group_id) values (gen_random_uuid(), 'Phone', 'group');
    insert into core.api_keys (key_hash, key_prefix, name)
    select sha256(n::text::bytea), 'pm_12345', 'many' from generate_series(0, {MANY}) n;
    create temporary table old as select id, id > min(id) over () as expired from core.api_keys;
    insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
    select o.id, 'upload_location', sha256('key'), sha256('request'), d.device_id, '{{}}',
        now() - case when o.expired then interval '25 hours' else '23 hours' end
    from old o, core.devices d;
    insert into core.rate_limits (api_key_id, class, last_slot, total, slots)
    select o.id, 'default', extract(epoch from now()) - case when o.expired then 7300 else 7100 end, 0,
        array_fill(0, array[61])
    from old o;
    insert into core.audit_log (created_at, action, resource_type)
    select now() - case when o.expired then interval '91 days' else '89 days' end, 'act', 'thing' from old o;
"""


async def check_success(database: Database, job: str, count: int = 1) -> None:
    """The last of so many runs succeeded."""
    recorded = await database.fetch(RUNS, job)
    assert len(recorded) == count
    assert recorded[-1]["in_order"]
    assert recorded[-1]["error"] is None


@EVERY_JOB
async def test_a_run_is_recorded(database: Database, job: str) -> None:
    async with database.cluster.session(database.name) as session:
        for count in (1, 2):
            await session.execute(f"call jobs.{job}()")
            await check_success(database, job, count)


@EVERY_JOB
async def test_a_failed_run_is_recorded_with_its_error(database: Database, job: str) -> None:
    name = JOBS[job]
    async with database.cluster.session(database.name) as session:
        await database.execute(f"alter table {name} rename to away")
        with pytest.raises(asyncpg.PostgresError, match=f'{job} failed: relation "{name}" does not exist'):
            await session.execute(f"call jobs.{job}()")
        (recorded,) = await database.fetch(RUNS, job)
        assert (recorded["in_order"], recorded["error"]) == (True, f'relation "{name}" does not exist')
        await database.execute(f"alter table core.away rename to {name.removeprefix('core.')}")
        await session.execute(f"call jobs.{job}()")
        await check_success(database, job, 2)


@EVERY_JOB
async def test_operators_may_run_jobs_and_nobody_else(database: Database, job: str) -> None:
    for group, allowed in (("pm_admin", True), ("pm_api", False), ("pm_monitor", False)):
        role = await database.cluster.login_role(group)
        session: Session = await asyncpg.connect(database.cluster.url(database.name, role, API_PASSWORD))
        try:
            if allowed:
                await session.execute(f"call jobs.{job}()")
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await session.execute(f"call jobs.{job}()")
        finally:
            await session.close()
    await check_success(database, job)


@pytest.mark.parametrize("table", ["idempotency_keys", "rate_limits", "audit_log"])
async def test_however_many_rows_are_past_their_time_they_all_go(database: Database, table: str) -> None:
    await database.execute(OLD_ROWS)
    assert await database.value(f"select count(*) from core.{table}") == MANY + 1
    await database.execute(f"call jobs.cleanup_{table}()")
    assert await database.value(f"select count(*) from core.{table}") == 1
    (recorded,) = await database.fetch(RUNS, f"cleanup_{table}")
    assert (recorded["rows"], recorded["rows_total"], recorded["error"]) == (MANY, MANY, None)


async def test_rows_in_use_are_left_to_the_next_run(database: Database) -> None:
    """A request that is about to overwrite an expired answer, or to count again, is not waited for."""
    await database.execute(OLD_ROWS)
    for table in ("idempotency_keys", "rate_limits"):
        query = f"select from core.{table} order by api_key_id desc limit 5 for update"
        async with transaction(database, query):
            await database.execute(f"call jobs.cleanup_{table}()")
            assert await database.value(f"select count(*) from core.{table}") == 6
        await database.execute(f"call jobs.cleanup_{table}()")
        assert await database.value(f"select count(*) from core.{table}") == 1


async def test_group_counts_are_refreshed_while_somebody_reads_them(database: Database) -> None:
    await database.execute(
        "insert into core.devices (device_id, display_name, group_id) values (gen_random_uuid(), 'Phone', 'group')"
    )
    query = "select group_id, active_count, total_count from core.group_member_counts"
    async with transaction(database, query) as reader:
        await database.execute("call jobs.refresh_group_counts()")
        assert [tuple(row) for row in await reader.fetch(query)] == [("group", 1, 1)]
    await check_success(database, "refresh_group_counts")
