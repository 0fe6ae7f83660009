"""Runs of the jobs: recorded, never two of one job at once, and no trouble for the next whatever became of the last."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cluster import API_PASSWORD, Database
from tests.waiting import beside, transaction, until, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.waiting import Session

JOBS = ("ensure_partitions", "cleanup_locations")
RUNS = "select *, ended_at >= started_at as in_order from core.job_runs where job_name = $1 order by id"
STOP = "lock table core.settings in access exclusive mode"  # each job reads the settings at each step


async def start(session: Session, job: str) -> None:
    """Calls a job."""
    await session.execute(f"call jobs.{job}()")


async def runs(database: Database, job: str) -> list[asyncpg.Record]:
    """The recorded runs of a job."""
    return await database.fetch(RUNS, job)


async def check_success(database: Database, job: str, count: int = 1) -> None:
    """The last of so many runs succeeded."""
    recorded = await runs(database, job)
    assert len(recorded) == count
    assert recorded[-1]["in_order"]
    assert recorded[-1]["error"] is None


@asynccontextmanager
async def under_way(database: Database, session: Session, job: str) -> AsyncIterator[asyncio.Task[None]]:
    """A job that has begun, and stands still until the end of the block."""
    async with database.cluster.session(database.name) as watch, AsyncExitStack() as locks:
        holder = await locks.enter_async_context(transaction(database, STOP))
        async with beside(start(session, job)) as running:
            await until_blocked(watch, holder)
            yield running
            await locks.aclose()
            await asyncio.wait([running])


@asynccontextmanager
async def two_sessions(database: Database) -> AsyncIterator[tuple[Session, Session]]:
    """Two of an operator's sessions."""
    async with database.cluster.session(database.name) as one, database.cluster.session(database.name) as two:
        yield one, two


@pytest.mark.parametrize("job", JOBS)
async def test_a_run_is_recorded(database: Database, job: str) -> None:
    async with database.cluster.session(database.name) as session:
        await start(session, job)
        await check_success(database, job)
        await start(session, job)
        await check_success(database, job, 2)


@pytest.mark.parametrize("job", JOBS)
async def test_two_runs_of_a_job_do_not_overlap(database: Database, job: str) -> None:
    other = JOBS[1 - JOBS.index(job)]
    notices: list[str] = []
    async with two_sessions(database) as (first, second):
        second.add_log_listener(lambda _, message: notices.append(message.message))
        async with asyncio.TaskGroup() as tasks, under_way(database, first, job):
            await start(second, job)
            assert notices == [f"Job {job} is running in another session."]
            (recorded,) = await runs(database, job)
            assert (recorded["ended_at"], recorded["error"]) == (None, None)
            # Other jobs are not kept from running.
            tasks.create_task(start(second, other))
            await until(f"a run of {other}", lambda: runs(database, other))
    await check_success(database, job)
    await check_success(database, other)


@pytest.mark.parametrize("job", JOBS)
async def test_a_killed_run_is_closed_by_the_next_which_completes(database: Database, job: str) -> None:
    async with two_sessions(database) as (first, second):
        async with under_way(database, first, job) as running:
            await second.fetchval("select pg_terminate_backend($1)", first.get_server_pid())
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await running
            (recorded,) = await runs(database, job)
            assert recorded["ended_at"] is None
        await start(second, job)
    killed, completed = await runs(database, job)
    assert (killed["in_order"], killed["error"]) == (True, "interrupted")
    assert (completed["in_order"], completed["error"]) == (True, None)


@pytest.mark.parametrize("job", JOBS)
async def test_a_cancelled_run_is_recorded_and_leaves_no_lock(database: Database, job: str) -> None:
    """An operator who presses Ctrl-C keeps the session, and must not keep the job's lock with it."""
    async with two_sessions(database) as (first, second):
        async with under_way(database, first, job) as running:
            await second.fetchval("select pg_cancel_backend($1)", first.get_server_pid())
            with pytest.raises(asyncpg.PostgresError, match=f"{job} failed: canceling statement"):
                await running
            (recorded,) = await runs(database, job)
            assert recorded["error"] == "canceling statement due to user request"
        await start(second, job)
        await check_success(database, job, 2)


@pytest.mark.parametrize("job", JOBS)
async def test_a_call_inside_a_transaction_is_refused_and_leaves_no_lock(database: Database, job: str) -> None:
    """A procedure that commits cannot run there."""
    async with two_sessions(database) as (first, second):
        await first.execute("begin")
        with pytest.raises(asyncpg.InvalidTransactionTerminationError):
            await start(first, job)
        await first.execute("rollback")
        await start(second, job)
        await check_success(database, job)
        await start(first, job)
        await start(second, job)
        await check_success(database, job, 3)


@pytest.mark.parametrize("job", JOBS)
async def test_a_failed_run_is_recorded_with_its_error(database: Database, job: str) -> None:
    async with two_sessions(database) as (first, second):
        await second.execute("alter table core.settings rename to settings_away")
        with pytest.raises(asyncpg.PostgresError, match=f'{job} failed: relation "core.settings" does not exist'):
            await start(first, job)
        (recorded,) = await runs(database, job)
        assert (recorded["in_order"], recorded["error"]) == (True, 'relation "core.settings" does not exist')
        await second.execute("alter table core.settings_away rename to settings")
        await start(second, job)
        await check_success(database, job, 2)


@pytest.mark.parametrize("job", JOBS)
async def test_operators_may_run_jobs_and_nobody_else(database: Database, job: str) -> None:
    for group, allowed in (("pm_admin", True), ("pm_api", False), ("pm_monitor", False)):
        role = await database.cluster.login_role(group)
        session: Session = await asyncpg.connect(database.cluster.url(database.name, role, API_PASSWORD))
        try:
            if allowed:
                await start(session, job)
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await start(session, job)
        finally:
            await session.close()
    await check_success(database, job)
