"""Everything against everything: each two things that phones, operators and jobs do, from many sessions at once."""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import AsyncExitStack
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import pytest

from tests.faults.actors import ACTIONS, DAYS, World, act, register
from tests.faults.invariants import check_not_lost, check_partitions, check_rules
from tests.waiting import deadlocks

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.waiting import Session

ROUNDS = int(os.environ.get("PM_FAULT_ROUNDS", "1"))
SECONDS = 0.12  # of each pair
SESSIONS = 8
STORM_SECONDS = 5.0  # of all together

# Takes away the partition of a day; its points are without one until a job moves them home.
UNHOUSE = """
    do $$
    declare
        v_day  date := (now() at time zone 'UTC')::date - {};
        v_name text := core.partition_name(v_day);
    begin
        if to_regclass(v_name) is null then
            return;
        end if;
        execute format('alter table core.locations detach partition %s', v_name);
        execute format('insert into core.locations select * from %s', v_name);
        execute format('drop table %s', v_name);
    end
    $$
"""


async def run_for(seconds: float, world: World, sessions: list[Session], names: tuple[str, ...]) -> None:
    """Lets each session do one of these things, again and again."""
    end = time.monotonic() + seconds

    async def repeat(session: Session, name: str) -> None:
        while time.monotonic() < end:
            await act(world, session, name)

    async with asyncio.TaskGroup() as crowd:
        for number, session in enumerate(sessions):
            crowd.create_task(repeat(session, names[number % len(names)]))


async def make_world(database: Database) -> World:
    """Devices in groups that are nearly full, keys with and without a limit."""
    world = World()
    for rate_limit in (0, 50, 100000):
        row = await database.fetch(
            "select id, api_key from admin.create_api_key('race', p_rate_limit_per_minute => $1)", rate_limit
        )
        world.keys.append((row[0]["id"], row[0]["api_key"]))
    async with database.cluster.session(database.name) as session:
        for _ in range(60):
            await act(world, session, register.__name__)
    return world


@pytest.mark.long
@pytest.mark.timeout(120 + 150 * ROUNDS)
async def test_each_two_against_each_other_and_then_all(database: Database) -> None:
    world = await make_world(database)
    pairs = list(combinations_with_replacement(ACTIONS, 2)) * ROUNDS
    random.shuffle(pairs)
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(database.cluster.session(database.name)) for _ in range(SESSIONS)]
        for session in sessions:
            await session.execute("set statement_timeout = '20s'")
        for number, pair in enumerate(pairs):
            if number % 3 == 0 or "create_partition" in pair:
                await database.execute(UNHOUSE.format(random.randint(1, DAYS)))
            try:
                await run_for(SECONDS, world, sessions, pair)
                await check_rules(database)
            except* AssertionError as errors:
                raise AssertionError(f"{' against '.join(pair)}: {errors.exceptions}") from errors
        await run_for(STORM_SECONDS * ROUNDS, world, sessions, tuple(random.sample(list(ACTIONS), SESSIONS)))
        await check_rules(database)
    lasting = {(device, stamp) for device, stamp in world.acknowledged if device in world.lasting}
    await check_not_lost(database, lasting)
    await database.execute("call jobs.ensure_partitions()")
    await database.execute("call jobs.cleanup_locations()")
    await check_partitions(database)
    await check_rules(database)
    await check_not_lost(database, lasting)
    assert await deadlocks(database) == world.retries == 0
    assert set(world.actions) == set(ACTIONS)
    print(f"\n{len(pairs)} pairs, {sum(world.actions.values())} actions, {len(lasting)} points", world.actions)  # noqa: T201
