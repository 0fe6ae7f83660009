"""pg_cron runs the jobs in the cluster's database phone_manager."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.waiting import until

if TYPE_CHECKING:
    from tests.cluster import Cluster

DATABASE = "phone_manager"
SCHEDULE = {
    "ensure_partitions": ("17 3 * * *", "call jobs.ensure_partitions()"),
    "cleanup_locations": ("7 * * * *", "call jobs.cleanup_locations()"),
}
FINISHED = "select status, return_message, end_time from cron.job_run_details where jobid = $1 and end_time is not null"
RUNS = "select error from core.job_runs where job_name = 'ensure_partitions' and ended_at is not null and id > $1"


async def test_the_jobs_are_scheduled(cluster: Cluster) -> None:
    async with cluster.session(DATABASE) as session:
        rows = await session.fetch("select jobname, schedule, command, database, active from cron.job")
    jobs = {row["jobname"]: row for row in rows}
    for name, (schedule, command) in SCHEDULE.items():
        assert tuple(jobs[name]) == (name, schedule, command, DATABASE, True)


@pytest.mark.timeout(150)
async def test_pg_cron_runs_a_job(cluster: Cluster) -> None:
    """The command as it is scheduled, under another name and each minute: the next full minute runs it."""
    name = f"test {uuid.uuid4()}"
    async with cluster.session(DATABASE) as session:
        last = await session.fetchval("select coalesce(max(id), 0) from core.job_runs")
        job = await session.fetchval(
            "select cron.schedule($1, '* * * * *', $2)", name, SCHEDULE["ensure_partitions"][1]
        )
        try:
            (detail,) = await until("a run by pg_cron", lambda: session.fetch(FINISHED, job), 70)
        finally:
            await session.fetchval("select cron.unschedule($1::bigint)", job)
        assert (detail["status"], detail["return_message"]) == ("succeeded", "CALL")
        assert {row["error"] for row in await session.fetch(RUNS, last)} == {None}
