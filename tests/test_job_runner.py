"""jobs.run: step by step, recorded, never twice at once, giving way; and no trouble for the next run in any case."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from tests.waiting import beside, transaction, until_blocked

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.waiting import Session

pytestmark = pytest.mark.slow

CALL = "call jobs.run('sample')"
# A job of five steps of ten rows each. A step waits where a test holds its gate, and fails where that says so.
SAMPLE = """
    create table core.gates (step integer primary key, error text);
    insert into core.gates select n from generate_series(1, 5) n;
    create table core.done (step integer, transaction bigint, lock_timeout text);
    create function jobs.sample_step(p_position jsonb, out next_position jsonb, out handled bigint)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
    declare
        v_step  integer := coalesce((p_position ->> 'done')::integer, 0) + 1;
        v_error text;
    begin
        insert into core.done select v_step, txid_current(), current_setting('lock_timeout');
        select g.error into v_error from core.gates g where g.step = v_step for update;
        if v_error = 'busy' then
            raise lock_not_available;
        elsif v_error is not null then
            raise exception '%', v_error;
        end if;
        handled := 10;
        next_position := case when v_step < 5 then jsonb_build_object('done', v_step) end;
    end
    $$;
    alter function jobs.sample_step owner to pm_owner;
    alter table core.gates owner to pm_owner;
    alter table core.done owner to pm_owner;
"""
GATE = "select from core.gates where step = {} for update"
RUNS = "select *, ended_at >= started_at as in_order from core.job_runs where job_name = 'sample' order by id"
DONE = "select array_agg(step order by step) from core.done"
NAME = "select application_name from pg_stat_activity where pid = $1"
WAITS = "select waitstart from pg_locks where pid = $1 and waitstart is not null"
NOTICE = "Job sample is running in another session."


@pytest_asyncio.fixture(autouse=True)
async def sample(database: Database) -> None:
    """The job."""
    await database.execute(SAMPLE)


async def last_run(database: Database, count: int = 1) -> dict[str, Any]:
    """What is recorded of the last of so many runs."""
    runs = await database.fetch(RUNS)
    assert len(runs) == count
    return dict(runs[-1])


async def check_success(database: Database, count: int = 1) -> None:
    """The last of so many runs did all its steps, each once."""
    run = await last_run(database, count)
    assert (run["in_order"], run["error"], run["rows"]) == (True, None, 50)


@asynccontextmanager
async def under_way(database: Database, session: Session, step: int = 3) -> AsyncIterator[asyncio.Task[str]]:
    """The job, standing still at a step until the end of the block."""
    async with database.cluster.session(database.name) as watch, AsyncExitStack() as gates:
        holder = await gates.enter_async_context(transaction(database, GATE.format(step)))
        async with beside(session.execute(CALL)) as running:
            await until_blocked(watch, holder)
            yield running
            await gates.aclose()
            await asyncio.wait([running])


@asynccontextmanager
async def two_sessions(database: Database) -> AsyncIterator[tuple[Session, Session]]:
    """Two of an operator's sessions."""
    async with database.cluster.session(database.name) as one, database.cluster.session(database.name) as two:
        yield one, two


async def test_each_step_is_committed_and_seen_while_the_job_runs(database: Database) -> None:
    async with two_sessions(database) as (session, watch):
        async with under_way(database, session, 3) as running:
            assert await database.value(DONE) == [1, 2]
            run = await last_run(database)
            assert (run["rows"], run["rows_total"], run["ended_at"]) == (20, 20, None)
            assert await watch.fetchval(NAME, session.get_server_pid()) == "phone-manager job sample: 20 rows"
        await running
        await check_success(database)
        assert await database.value(DONE) == [1, 2, 3, 4, 5]
        assert await database.value("select count(distinct transaction) from core.done") == 5
        assert await watch.fetchval(NAME, session.get_server_pid()) == ""
        await session.execute(CALL)
    run = await last_run(database, 2)
    assert (run["rows"], run["rows_total"]) == (50, 100)


async def test_a_step_waits_for_a_lock_a_moment_only_and_tries_again(database: Database) -> None:
    """Uploads queue behind a table lock that a job waits for."""
    async with two_sessions(database) as (session, watch):
        await session.execute("set lock_timeout = '7s'")
        async with under_way(database, session) as running:
            waits: set[datetime.datetime] = set()
            while len(waits) < 3:  # it waits, gives way, and waits anew
                waits |= {row["waitstart"] for row in await watch.fetch(WAITS, session.get_server_pid())}
            assert not running.done()
        await running
        assert await database.value("select array_agg(distinct lock_timeout) from core.done") == ["50ms"]
        assert await session.fetchval("show lock_timeout") == "7s", "the session has its own setting again"
    await check_success(database)
    assert await database.value(DONE) == [1, 2, 3, 4, 5], "what gave way left no trace"


async def test_a_step_that_could_not_be_recorded_is_done_again(database: Database) -> None:
    async with two_sessions(database) as (session, watch), AsyncExitStack() as gate, AsyncExitStack() as record:
        holder = await gate.enter_async_context(transaction(database, GATE.format(3)))
        async with beside(session.execute(CALL)) as running:
            await until_blocked(watch, holder)
            reader = await record.enter_async_context(transaction(database, "select from core.job_runs for update"))
            await gate.aclose()
            await until_blocked(watch, reader)
            assert await database.value(DONE) == [1, 2]
            await record.aclose()
            await running
    await check_success(database)
    assert await database.value(DONE) == [1, 2, 3, 4, 5]


async def test_a_lock_that_stays_taken_ends_the_run_with_that_error(database: Database) -> None:
    await database.execute("update core.gates set error = 'busy' where step = 4")
    with pytest.raises(asyncpg.PostgresError, match="sample failed: lock_not_available"):
        await database.execute(CALL)
    run = await last_run(database)
    assert (run["in_order"], run["error"], run["rows"]) == (True, "lock_not_available", 30)


async def test_two_runs_do_not_overlap(database: Database) -> None:
    notices: list[str] = []
    async with two_sessions(database) as (first, second):
        second.add_log_listener(lambda _, message: notices.append(message.message))
        async with under_way(database, first):
            await second.execute(CALL)
            assert notices == [NOTICE]
            run = await last_run(database)
            assert (run["ended_at"], run["error"]) == (None, None)
            await second.execute("call jobs.cleanup_audit_log()")
            assert notices == [NOTICE], "other jobs are not kept from running"
    await check_success(database)


async def test_a_killed_run_is_closed_by_the_next_which_completes(database: Database) -> None:
    async with two_sessions(database) as (first, second):
        async with under_way(database, first) as running:
            await second.fetchval("select pg_terminate_backend($1)", first.get_server_pid())
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await running
            assert (await last_run(database))["ended_at"] is None
        await second.execute(CALL)
    killed, completed = await database.fetch(RUNS)
    assert (killed["in_order"], killed["error"], killed["rows"]) == (True, "interrupted", 20)
    assert (completed["in_order"], completed["error"], completed["rows_total"]) == (True, None, 70)


async def test_a_cancelled_run_is_recorded_and_leaves_no_lock(database: Database) -> None:
    """An operator who presses Ctrl-C keeps the session, and must not keep the job's lock with it."""
    async with two_sessions(database) as (first, second):
        async with under_way(database, first) as running:
            await second.fetchval("select pg_cancel_backend($1)", first.get_server_pid())
            with pytest.raises(asyncpg.PostgresError, match="sample failed: canceling statement"):
                await running
            assert (await last_run(database))["error"] == "canceling statement due to user request"
        await second.execute(CALL)
    await check_success(database, 2)


async def test_a_call_inside_a_transaction_is_refused_and_leaves_no_lock(database: Database) -> None:
    """A procedure that commits cannot run there."""
    async with two_sessions(database) as (first, second):
        await first.execute("begin")
        with pytest.raises(asyncpg.InvalidTransactionTerminationError):
            await first.execute(CALL)
        await first.execute("rollback")
        await second.execute(CALL)
        await first.execute(CALL)
    await check_success(database, 2)


async def test_a_failed_step_is_recorded_with_its_error_and_the_steps_before_it_stay(database: Database) -> None:
    await database.execute("update core.gates set error = 'disk full' where step = 4")
    async with two_sessions(database) as (first, second):
        with pytest.raises(asyncpg.PostgresError, match="sample failed: disk full"):
            await first.execute(CALL)
        run = await last_run(database)
        assert (run["in_order"], run["error"], run["rows"]) == (True, "disk full", 30)
        assert await database.value(DONE) == [1, 2, 3]
        await second.execute("update core.gates set error = null")
        await second.execute(CALL)
    await check_success(database, 2)


@pytest.mark.parametrize("name", ["dust", "sample_step", "sample_step(null); drop table core.done; --", ""])
async def test_a_name_that_is_no_job_runs_nothing(database: Database, name: str) -> None:
    async with database.cluster.session(database.name) as session:
        with pytest.raises(asyncpg.PostgresError, match="There is no job") as refused:
            await session.execute("call jobs.run($1)", name)
    assert refused.value.sqlstate == "PT404"
    assert await database.value("select count(*) from core.job_runs") == 0
    assert await database.value(DONE) is None
