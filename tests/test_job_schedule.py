"""pg_cron runs the jobs in the cluster's database phone_manager."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cluster import Database
from tests.own_cluster import operate
from tests.waiting import transaction, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.cluster import Cluster
    from tests.waiting import Session

pytestmark = pytest.mark.slow

DATABASE = "phone_manager"
JOBS = {
    "cleanup_locations": "7 * * * *",
    "refresh_group_counts": "22 * * * *",
    "cleanup_idempotency_keys": "37 * * * *",
    "cleanup_rate_limits": "52 * * * *",
    "ensure_partitions": "17 3 * * *",
    "cleanup_audit_log": "27 3 * * *",
}
COMMANDS = {name: f"call jobs.{name}()" for name in JOBS} | {
    "trim_cron_history": (
        "delete from cron.job_run_details where coalesce(end_time, start_time) < now() - interval '7 days'"
    )
}
SCHEDULES = JOBS | {"trim_cron_history": "47 3 * * *"}
SCHEDULE_FILE = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "sql/schema/job_schedule.sql")
OTHER = "another scheduler"
STOP = "lock table core.settings in access exclusive mode"  # a step of the contended job reads it
CONTENDED = "cleanup_locations"
RUNS = "select job_name, ended_at, error from core.job_runs where id > $1"
DETAILS = """
    select j.jobname, d.status, d.return_message
    from cron.job_run_details d join cron.job j using (jobid)
    where d.runid > $1 and d.end_time is not null
"""
RUNNING = "select count(*) from pg_stat_activity where application_name = 'phone-manager job cleanup_locations'"
HISTORY = """
    insert into cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time)
    select 0, nextval('cron.runid_seq'), current_database(), current_user, name, status, now() - age, now() - ended
    from (values
        ('old', 'succeeded', interval '8 days', interval '8 days'), ('crashed', 'failed', '8 days', null),
        ('recent', 'succeeded', '6 days', '6 days')
    ) h(name, status, age, ended)
"""
LEFT = "select array_agg(command order by command) from cron.job_run_details where jobid = 0"


async def scheduled(session: Session) -> dict[str, tuple[str, str, str, bool]]:
    """All that is scheduled."""
    rows = await session.fetch("select jobname, schedule, command, database, active from cron.job")
    assert len(rows) == len({row["jobname"] for row in rows})
    return {row["jobname"]: tuple(row)[1:] for row in rows}


EXPECTED = {name: (SCHEDULES[name], COMMANDS[name], DATABASE, True) for name in COMMANDS}


async def test_the_jobs_are_scheduled(cluster: Cluster) -> None:
    async with cluster.session(DATABASE) as session:
        assert await scheduled(session) == EXPECTED


async def test_a_later_deployment_changes_the_schedules_and_doubles_none(cluster: Cluster) -> None:
    async with cluster.session(DATABASE) as session:
        await session.execute("select cron.schedule('cleanup_locations', '1 1 * * *', 'call jobs.cleanup_of_old()')")
        assert await scheduled(session) != EXPECTED
        for _ in range(2):
            (await operate(cluster, DATABASE, *SCHEDULE_FILE)).succeeded()
        assert await scheduled(session) == EXPECTED


@asynccontextmanager
async def each_minute(cluster: Cluster) -> AsyncIterator[None]:
    """All jobs as they are scheduled, but each minute; and one of them by a second scheduler, too."""
    async with cluster.session(DATABASE) as session:
        try:
            for name, command in [*COMMANDS.items(), (OTHER, COMMANDS[CONTENDED])]:
                await session.fetchval("select cron.schedule($1, '* * * * *', $2)", name, command)
            yield
        finally:
            await session.fetchval("select cron.unschedule($1)", OTHER)
            (await operate(cluster, DATABASE, *SCHEDULE_FILE)).succeeded()


@pytest.mark.timeout(240)
async def test_pg_cron_runs_every_job_and_no_job_twice_at_once(cluster: Cluster) -> None:
    async with cluster.session(DATABASE) as session:
        last_run = await session.fetchval("select coalesce(max(id), 0) from core.job_runs")
        await session.execute(HISTORY)
        last_detail = await session.fetchval("select last_value from cron.runid_seq")

        async def finished() -> dict[str, asyncpg.Record]:
            return {row["jobname"]: row for row in await session.fetch(DETAILS, last_detail)}

        async def runs() -> dict[str, asyncpg.Record]:
            return {row["job_name"]: row for row in await session.fetch(RUNS, last_run)}

        # Both schedulers call the job that stands still: one of them finds it running, and has nothing to do.
        async def one_of_two() -> str | None:
            return next(iter({CONTENDED, OTHER} & set(await finished())), None)

        async def all_ran() -> bool:
            return set(await finished()) == {*COMMANDS, OTHER}

        async with each_minute(cluster):
            async with transaction(Database(cluster, DATABASE, ""), STOP):
                idle = await until("a scheduler that finds the job running", one_of_two, 90)
                assert await session.fetchval(RUNNING) == 1
                contended = [row for row in await session.fetch(RUNS, last_run) if row["job_name"] == CONTENDED]
                assert [(row["ended_at"], row["error"]) for row in contended] == [(None, None)]
                assert not {CONTENDED, OTHER} - {idle} & set(await finished())
            await until("runs of all jobs", all_ran, 90)

        details = await finished()
        recorded = await runs()
        assert {name: row["status"] for name, row in details.items()} == dict.fromkeys(details, "succeeded")
        assert {name: row["error"] for name, row in recorded.items()} == dict.fromkeys(JOBS)
        assert all(row["ended_at"] for row in recorded.values())
        assert await session.fetchval(LEFT) == ["recent"], "pg_cron's own history is trimmed"
        await session.execute("delete from cron.job_run_details where jobid = 0")
