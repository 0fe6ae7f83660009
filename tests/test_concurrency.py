"""Registrations that race for the last place of a group, over HTTP and from psql."""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import registration
from tests.groups import FULL, check_winner, make_devices, members
from tests.waiting import api_session, beside, call, deadlocks, transaction, until_blocked, waits_for_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.cluster import Database
    from tests.groups import Place
    from tests.waiting import Session

REGISTER = "/api/v1/devices/register"
POOL = 20  # connections of a server
LOCK = "select core.lock_name('group', '{}')"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_deadlocks(module_database: Database) -> AsyncIterator[None]:
    """Whatever the tests of this module did, nothing deadlocked. The server, made later, has ended by then."""
    yield
    assert await deadlocks(module_database) == 0


async def racers_for(database: Database, group: str) -> dict[str, Place | None]:
    """60 devices for a group that has one place left, and where they are: nowhere, in another group, or inactive."""
    await make_devices(database, group, 19)
    racers: dict[str, Place | None] = {str(uuid.uuid4()): None for _ in range(20)}
    racers |= dict.fromkeys(await make_devices(database, f"{group}-other", 20), (f"{group}-other", True))
    racers |= dict.fromkeys(await make_devices(database, group, 20, active=False), (group, False))
    return dict(random.sample(list(racers.items()), len(racers)))


async def register(session: Session, device_id: str, group: str) -> str:
    """Registers a device in a session; returns 200 or the SQLSTATE with the message."""
    try:
        await call(session, "register_device", registration(device_id, group))
    except asyncpg.PostgresError as error:
        return f"{error.sqlstate} {error.args[0]}"
    return "200"


@pytest.mark.parametrize("attempt", range(3))
async def test_sixty_race_for_the_last_place_over_http(
    api: httpx.AsyncClient, module_database: Database, group: str, attempt: int
) -> None:
    racers = await racers_for(module_database, group)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        asyncio.TaskGroup() as race,
        transaction(module_database, LOCK.format(group)) as holder,
    ):
        runs = [race.create_task(api.post(REGISTER, json=registration(racer, group))) for racer in racers]
        await until_blocked(watch, holder, POOL)  # all that the server has connections for stand at the line
    answers = [run.result() for run in runs]
    winners = [racer for racer, answer in zip(racers, answers, strict=True) if answer.status_code == 200]
    assert len(winners) == 1, attempt
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {409}
    assert {(answer.json()["error"], answer.json()["message"]) for answer in refused} == {("conflict", FULL)}
    await check_winner(module_database, group, racers, winners[0])


async def test_sixty_race_for_the_last_place_in_sessions_of_their_own(module_database: Database, group: str) -> None:
    racers = await racers_for(module_database, group)
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(module_database.cluster.session(module_database.name))
        sessions = [await stack.enter_async_context(api_session(module_database)) for _ in racers]
        async with asyncio.TaskGroup() as race, transaction(module_database, LOCK.format(group)) as holder:
            runs = [race.create_task(register(s, racer, group)) for s, racer in zip(sessions, racers, strict=True)]
            await until_blocked(watch, holder, len(racers))
    results = [run.result() for run in runs]
    assert sorted(results) == ["200"] + [f"PT409 {FULL}"] * 59
    await check_winner(module_database, group, racers, list(racers)[results.index("200")])


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_the_second_waits_until_the_first_has_decided(
    module_database: Database, group: str, device_id: str, ends: str
) -> None:
    await make_devices(module_database, group, 19)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        api_session(module_database) as second,
        api_session(module_database) as elsewhere,
    ):
        await first.execute("begin")
        assert await register(first, str(uuid.uuid4()), group) == "200"
        async with beside(register(second, device_id, group)) as waiting:
            assert await until_blocked(watch, first) == [second.get_server_pid()]
            assert await waits_for_name(watch, second.get_server_pid(), "group", group)

            assert await register(elsewhere, str(uuid.uuid4()), f"{group}-other") == "200"  # other groups do not wait
            assert not waiting.done()

            await first.execute(ends)
            assert await waiting == (f"PT409 {FULL}" if ends == "commit" else "200")
    assert len(await members(module_database, group)) == 20
    assert (device_id in await members(module_database, group)) == (ends == "rollback")


async def test_a_place_freed_by_another_session_is_taken(module_database: Database, group: str, device_id: str) -> None:
    leaver, *_ = await make_devices(module_database, group, 20)
    async with api_session(module_database) as first, api_session(module_database) as second:
        await first.execute("begin")
        await call(first, "deactivate_device", {"device_id": leaver})
        assert await register(second, device_id, group) == f"PT409 {FULL}"  # not yet free, and nothing to wait for
        await first.execute("commit")
        assert await register(second, device_id, group) == "200"
    assert len(await members(module_database, group)) == 20


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_one_new_device_registers_in_two_groups_at_once(
    module_database: Database, group: str, device_id: str, ends: str
) -> None:
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        api_session(module_database) as second,
    ):
        await first.execute("begin")
        assert await register(first, device_id, group) == "200"
        async with beside(register(second, device_id, f"{group}-other")) as waiting:
            await until_blocked(watch, first)
            await first.execute(ends)
            assert await waiting == "200"
    assert await members(module_database, group) == set()
    assert await members(module_database, f"{group}-other") == {device_id}


async def test_a_device_that_moves_away_while_it_registers_again_needs_a_place(
    module_database: Database, group: str
) -> None:
    """Who finds the device's row locked must look again at what became of it."""
    mover, *_ = await make_devices(module_database, group, 20)
    async with (
        module_database.cluster.session(module_database.name) as watch,
        api_session(module_database) as first,
        api_session(module_database) as second,
        api_session(module_database) as third,
    ):
        await first.execute("begin")
        assert await register(first, mover, f"{group}-other") == "200"
        async with beside(register(second, mover, group)) as waiting:
            await until_blocked(watch, first)
            async with beside(register(third, str(uuid.uuid4()), group)) as joining:
                await until_blocked(watch, second)
                await first.execute("commit")
                assert await waiting == "200"  # its old place, free again
                assert await joining == f"PT409 {FULL}"
    assert len(await members(module_database, group)) == 20
    assert mover in await members(module_database, group)


async def test_full_groups_do_not_swap_devices(api: httpx.AsyncClient, module_database: Database, group: str) -> None:
    groups = [f"{group}-a", f"{group}-b"]
    before = [await make_devices(module_database, name, 20) for name in groups]
    moves = [*((device, groups[1]) for device in before[0]), *((device, groups[0]) for device in before[1])]
    answers = await asyncio.gather(*(api.post(REGISTER, json=registration(device, to)) for device, to in moves))
    assert {answer.status_code for answer in answers} == {409}
    assert [await members(module_database, name) for name in groups] == [set(devices) for devices in before]


async def test_a_crowd_that_joins_moves_and_leaves_never_overfills_a_group(
    api: httpx.AsyncClient, module_database: Database, group: str
) -> None:
    groups = [f"{group}-{letter}" for letter in "abc"]
    devices = [str(uuid.uuid4()) for _ in range(70)]

    async def live(seed: int) -> set[int]:
        choice = random.Random(seed)
        seen = set()
        for _ in range(10):
            device = choice.choice(devices)
            if choice.random() < 0.2:
                answer = await api.delete(f"/api/v1/devices/{device}")
            else:
                answer = await api.post(REGISTER, json=registration(device, choice.choice(groups)))
            seen.add(answer.status_code)
        return seen

    seen = set().union(*await asyncio.gather(*(live(seed) for seed in range(32))))
    assert seen <= {200, 204, 404, 409}
    sizes = [len(await members(module_database, name)) for name in groups]
    assert max(sizes) <= 20
    assert sum(sizes) > 20
