"""Operators and phones at the same moment: the last place of a group, and devices that are erased under uploads."""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import point, registration
from tests.groups import FULL, check_winner, make_devices, members
from tests.operators import operator_session
from tests.waiting import api_session, beside, call, deadlocks, transaction, until_blocked, waits_for_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.groups import Place
    from tests.waiting import Session

LOCK = "select core.lock_name('group', '{}')"
KINDS = ("registers", "moves", "reactivates")


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked."""
    yield
    assert await deadlocks(module_database) == 0


async def outcome(session: Session, device_id: str, group: str, kind: str) -> str:
    """A device joins a group, or leaves it, in one of these ways; returns 200 or the SQLSTATE with the message."""
    try:
        if kind == "registers":
            await call(session, "register_device", registration(device_id, group))
        elif kind == "moves":
            await session.fetchval("select admin.move_device($1, $2)", device_id, group)
        else:
            function = {"reactivates": "reactivate_device", "leaves": "deactivate_device"}[kind]
            await session.fetchval(f"select admin.{function}($1)", device_id)
    except asyncpg.PostgresError as error:
        return f"{error.sqlstate} {error.args[0]}"
    return "200"


@pytest.mark.parametrize("first", KINDS)
async def test_sixty_race_for_the_last_place_by_every_path(module_database: Database, group: str, first: str) -> None:
    await make_devices(module_database, group, 19)
    racers: dict[str, Place | None] = {str(uuid.uuid4()): None for _ in range(20)}
    kinds = dict.fromkeys(racers, "registers")
    for kind, place in (("moves", (f"{group}-other", True)), ("reactivates", (group, False))):
        made = await make_devices(module_database, place[0], 20, active=place[1])
        racers |= dict.fromkeys(made, place)
        kinds |= dict.fromkeys(made, kind)
    line = random.sample(list(racers), len(racers))
    line.sort(key=lambda racer: kinds[racer] != first)
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(module_database.cluster.session(module_database.name))
        sessions = [
            await stack.enter_async_context(
                (api_session if kinds[racer] == "registers" else operator_session)(module_database)
            )
            for racer in line
        ]
        async with asyncio.TaskGroup() as race, transaction(module_database, LOCK.format(group)) as holder:
            runs = []
            for session, racer in zip(sessions, line, strict=True):
                runs.append(race.create_task(outcome(session, racer, group, kinds[racer])))
                if len(runs) == 1:
                    await until_blocked(watch, holder)  # the first in the line
            await until_blocked(watch, holder, len(line))
    assert [run.result() for run in runs] == ["200"] + [f"PT409 {FULL}"] * 59
    await check_winner(module_database, group, racers, line[0])


@pytest.mark.parametrize("ends", ["commit", "rollback"])
@pytest.mark.parametrize("kind", ["moves", "reactivates"])
async def test_a_phone_waits_until_the_operator_has_decided(
    module_database: Database, group: str, kind: str, ends: str
) -> None:
    await make_devices(module_database, group, 19)
    place = (f"{group}-other", True) if kind == "moves" else (group, False)
    (device,) = await make_devices(module_database, place[0], 1, active=place[1])
    async with (
        module_database.cluster.session(module_database.name) as watch,
        operator_session(module_database) as operator,
        api_session(module_database) as phone,
    ):
        await operator.execute("begin")
        assert await outcome(operator, device, group, kind) == "200"
        async with beside(outcome(phone, str(uuid.uuid4()), group, "registers")) as waiting:
            assert await until_blocked(watch, operator) == [phone.get_server_pid()]
            assert await waits_for_name(watch, phone.get_server_pid(), "group", group)
            await operator.execute(ends)
            assert await waiting == (f"PT409 {FULL}" if ends == "commit" else "200")
    assert len(await members(module_database, group)) == 20


async def test_a_device_that_moves_while_it_is_reactivated_is_not_reactivated(
    module_database: Database, group: str
) -> None:
    """Its new group was not locked, so nobody may say that it has room."""
    (device,) = await make_devices(module_database, group, 1, active=False)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        operator_session(module_database) as mover,
        operator_session(module_database) as other,
    ):
        await mover.execute("begin")
        assert await outcome(mover, device, f"{group}-other", "moves") == "200"
        async with beside(outcome(other, device, group, "reactivates")) as waiting:
            await until_blocked(watch, mover)
            await mover.execute("commit")
            assert await waiting == f"40001 Device {device} was moved to group {group}-other just now."
        assert await outcome(other, device, group, "reactivates") == "200"
    assert await members(module_database, f"{group}-other") == {device}


async def test_a_phone_does_not_wait_for_who_looks_at_its_points(module_database: Database, group: str) -> None:
    (device,) = await make_devices(module_database, group, 1)
    async with operator_session(module_database) as operator, api_session(module_database) as phone:
        await operator.execute("begin")
        assert await operator.fetch("select * from admin.recent_points($1)", device) == []
        await phone.execute("set lock_timeout = '5s'")
        await call(phone, "upload_location", {"device_id": device, **point()})
        await operator.execute("commit")
        assert len(await operator.fetch("select * from admin.recent_points($1)", device)) == 1


async def test_a_crowd_of_phones_and_operators_never_overfills_a_group(module_database: Database, group: str) -> None:
    groups = [f"{group}-{letter}" for letter in "abc"]
    devices = [str(uuid.uuid4()) for _ in range(70)]

    async def live(seed: int) -> set[str]:
        choice = random.Random(seed)
        seen = set()
        async with api_session(module_database) as phone, operator_session(module_database) as operator:
            for _ in range(15):
                kind = choice.choice(["registers", "registers", "moves", "reactivates", "leaves"])
                session = phone if kind == "registers" else operator
                result = await outcome(session, choice.choice(devices), choice.choice(groups), kind)
                seen.add(result.split(maxsplit=1)[0])
        return seen

    seen = set().union(*await asyncio.gather(*(live(seed) for seed in range(20))))
    assert {"200", "PT409"} <= seen <= {"200", "PT404", "PT409", "40001"}
    sizes = [len(await members(module_database, name)) for name in groups]
    assert max(sizes) <= 20
    assert sum(sizes) > 20
