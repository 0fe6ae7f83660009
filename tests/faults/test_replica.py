"""A read replica: what it answers, and that clients notice nothing when it lags, hangs, stops or comes back."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.cluster import API_PASSWORD, Database
from tests.conftest import point, registration
from tests.contract import check_problem
from tests.exports import device_with_points, export_path, start_export, under_way
from tests.own_cluster import own_cluster, sqitch
from tests.server import Server, serve
from tests.standby import Standby, standby
from tests.waiting import beside, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.long

NAME = "phone_manager"
LIST = "/api/v1/devices"
REGISTER = "/api/v1/devices/register"
YEAR = str(365 * 86400)

# On the standby: waits for ever, with a table that an operator then locks on the primary.
STUCK = """
    create or replace function core.group_listing(p_group text) returns text language plpgsql as $$
    begin
        if pg_is_in_recovery() then
            perform from core.settings;
            perform pg_sleep(600);
        end if;
        return '{"devices": ["primary"]}';
    end $$
"""
SLEEPS = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and application_name = 'phone-manager'"


@dataclass
class Pair:
    """A primary and its standby."""

    primary: Database
    replica: Database
    standby: Standby
    directory: Path

    def serve(self, max_lag: str) -> AbstractAsyncContextManager[Server]:
        """A server that reads from the standby while it lags by no more than so many seconds."""
        return serve(
            self.primary.api_url,
            self.directory,
            database__replica_url=self.replica.api_url,
            database__replica_max_lag_seconds=max_lag,
        )


@pytest_asyncio.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    directory = tmp_path_factory.mktemp("replica")
    async with own_cluster(directory / "primary") as primary:
        (await sqitch(primary, NAME, "deploy")).succeeded()
        role = await primary.login_role("pm_api")
        async with standby(primary) as copy:
            yield Pair(
                Database(primary, NAME, primary.url(NAME, role, API_PASSWORD)),
                Database(copy, NAME, copy.url(NAME, role, API_PASSWORD)),
                copy,
                directory,
            )


@pytest_asyncio.fixture(scope="module")
async def patient(pair: Pair) -> AsyncIterator[Server]:
    """A server that reads from the standby however far it lags: what it answers tells who was asked."""
    async with pair.serve(YEAR) as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def strict(pair: Pair) -> AsyncIterator[Server]:
    """A server that is content with a standby that lags by two seconds."""
    async with pair.serve("2") as server:
        yield server


async def reads_standby(server: Server, times: int = 1) -> None:
    """Waits until a server has said so often that it reads from the standby."""

    async def told() -> bool:
        return server.log.count("The replica is read.") >= times

    await until("reading from the standby", told)


async def names(client: httpx.AsyncClient, group: str) -> list[str]:
    answer = await client.get(LIST, params={"group_id": group})
    assert answer.status_code == 200, answer.text
    return [device["display_name"] for device in answer.json()["devices"]]


async def register(client: httpx.AsyncClient, device: str, group: str, name: str) -> None:
    answer = await client.post(REGISTER, json=registration(device, group, display_name=name))
    assert answer.status_code == 200, answer.text


async def test_a_listing_comes_from_the_standby_unless_that_lags_too_far(
    pair: Pair, patient: Server, strict: Server, device_id: str, group: str
) -> None:
    key = await pair.primary.create_key()
    async with patient.client(key) as old, strict.client(key) as new:
        await register(new, device_id, group, "Before")
        await reads_standby(patient)
        await reads_standby(strict)
        await until("the device on the standby", lambda: names(old, group))
        await until("the device on the standby", lambda: names(new, group))
        await pair.standby.pause(NAME)
        try:
            await register(new, device_id, group, "After")
            assert await names(old, group) == ["Before"], "the standby was asked"

            async def is_shown() -> bool:
                return await names(new, group) == ["After"]

            await until("the end of the bound", is_shown)
            assert "not read: it is more than 2 s behind" in await said(strict)
            assert await names(old, group) == ["Before"], "it still lags"
        finally:
            await pair.standby.resume(NAME)
        await reads_standby(strict, 2)
        assert await names(new, group) == ["After"]


async def said(server: Server) -> str:
    """The log, once it says that the standby is not read."""

    async def told() -> bool:
        return "The replica is not read" in server.log

    await until("a line of the log", told)
    return server.log


async def test_clients_do_not_notice_that_it_stops_and_comes_back(
    pair: Pair, patient: Server, strict: Server, device_id: str, group: str
) -> None:
    key = await pair.primary.create_key()
    answers = {"patient": 0, "strict": 0}

    async with patient.client(key) as old, strict.client(key) as new:
        await register(new, device_id, group, "Phone")
        await until("the device on the standby", lambda: names(old, group))
        await until("the device on the standby", lambda: names(new, group))

        async def go_on_listing(name: str, client: httpx.AsyncClient) -> None:
            while True:
                assert await names(client, group) == ["Phone"]
                answers[name] += 1

        async def more(count: int) -> None:
            before = dict(answers)

            async def enough() -> bool:
                assert not first.done(), first.result()
                assert not second.done(), second.result()
                return all(answers[name] >= before[name] + count for name in answers)

            await until("more listings", enough)

        async def both_say_so() -> bool:
            return all(server.log.count("The replica is not read") > count for server, count in warned)

        async with beside(go_on_listing("patient", old)) as first, beside(go_on_listing("strict", new)) as second:
            await more(50)
            times = [server.log.count("The replica is read.") for server in (patient, strict)]
            warned = [(server, server.log.count("The replica is not read")) for server in (patient, strict)]
            await pair.standby.stop()
            try:
                await more(50)
                await until("word of it from both", both_say_so)
                assert (await new.get("/api/health/ready")).status_code == 200
                await more(50)
            finally:
                await pair.standby.start()
            await reads_standby(patient, times[0] + 1)
            await reads_standby(strict, times[1] + 1)
            await more(50)

        await pair.standby.pause(NAME)
        try:
            await register(new, device_id, group, "Renamed")
            assert await names(old, group) == ["Phone"], "the standby is asked again"
        finally:
            await pair.standby.resume(NAME)


async def test_an_export_comes_from_the_standby(pair: Pair, patient: Server) -> None:
    device = await device_with_points(pair.primary, 40_000)
    key = await pair.primary.create_key()
    await reads_standby(patient)
    async with start_export(patient, key, device) as export:
        assert len(await under_way(pair.replica)) == 1
        assert not await under_way(pair.primary)
        assert await export.ended_well()
    async with patient.client(key) as client:
        body = (await client.get(export_path(device))).json()
    assert (body["location_count"], len(body["locations"])) == (40_000, 40_000)
    trail = await pair.primary.value("select count(*) from core.audit_log where resource_id = $1", device)
    assert trail == 2


async def test_what_was_erased_a_moment_ago_is_not_exported_from_a_standby_that_lags(
    pair: Pair, patient: Server, device_id: str, group: str
) -> None:
    async with patient.client(await pair.primary.create_key()) as client:
        await register(client, device_id, group, "Before")
        assert (await client.post("/api/v1/locations", json={"device_id": device_id, **point()})).status_code == 200
        await reads_standby(patient)
        await until("the device on the standby", lambda: names(client, group))
        await pair.standby.pause(NAME)
        try:
            assert (await client.delete(f"{LIST}/{device_id}/data")).status_code == 204
            assert await names(client, group) == ["Before"], "the standby knows nothing of it"
            check_problem(await client.get(export_path(device_id)), 404)

            await register(client, device_id, group, "After")
            body = (await client.get(export_path(device_id))).json()
            assert (body["device"]["display_name"], body["location_count"]) == ("After", 0)
        finally:
            await pair.standby.resume(NAME)


async def test_an_export_that_loses_the_standby_breaks_off(pair: Pair, patient: Server) -> None:
    device = await device_with_points(pair.primary, 40_000)
    await reads_standby(patient)
    async with start_export(patient, await pair.primary.create_key(), device) as export:
        assert await under_way(pair.replica)
        await pair.standby.stop()
        try:
            assert not await export.ended_well()
        finally:
            await pair.standby.start()


@contextlib.asynccontextmanager
async def stuck(pair: Pair) -> AsyncIterator[None]:
    """Has every listing that comes to the standby wait for ever."""
    original = await pair.primary.value("select pg_get_functiondef('core.group_listing'::regproc)")
    await pair.primary.execute(STUCK)
    try:

        async def replayed() -> bool:
            found = await pair.replica.value("select prosrc from pg_proc where oid = 'core.group_listing'::regproc")
            return "pg_sleep" in found

        await until("the function on the standby", replayed)
        yield
    finally:
        await pair.primary.execute(original)


async def list_on_standby(pair: Pair, client: httpx.AsyncClient) -> asyncio.Task[httpx.Response]:
    """A listing that is stuck on the standby; until that is read again, listings come from the primary."""

    async def stuck_task() -> list[asyncio.Task[httpx.Response]]:
        asked = asyncio.create_task(client.get(LIST, params={"group_id": "family"}))
        await until("the query, or its end", lambda: sleeps_or_ended(pair, asked))
        if not asked.done():
            return [asked]
        assert asked.result().json() == {"devices": ["primary"]}
        return []

    (task,) = await until("a listing that is stuck", stuck_task)
    return task


async def sleeps_or_ended(pair: Pair, asked: asyncio.Task[httpx.Response]) -> bool:
    return bool(await pair.replica.value(SLEEPS)) or asked.done()


async def test_a_query_that_conflicts_with_the_recovery_is_answered_by_the_primary(pair: Pair, patient: Server) -> None:
    async with stuck(pair), patient.client(await pair.primary.create_key()) as client:

        async def conflict() -> bool:
            asked = await list_on_standby(pair, client)
            await pair.primary.execute("begin; lock table core.settings in access exclusive mode; commit")
            assert (await asked).json() == {"devices": ["primary"]}
            return any(line.get("sqlstate") == "40001" for line in patient.log_lines)

        await until("a conflict that came before the time was up", conflict)


async def test_a_query_that_hangs_is_answered_by_the_primary(pair: Pair, patient: Server) -> None:
    async with stuck(pair), patient.client(await pair.primary.create_key()) as client:
        asked = await list_on_standby(pair, client)
        assert (await asked).json() == {"devices": ["primary"]}

        async def nobody_sleeps() -> bool:
            return not await pair.replica.value(SLEEPS)

        await until("the end of the query", nobody_sleeps)


async def test_a_request_at_fault_is_told_by_the_standby(pair: Pair, patient: Server) -> None:
    await reads_standby(patient)
    async with patient.client(await pair.primary.create_key()) as client:
        check_problem(await client.get(LIST), 400, fields=["group_id"])
        check_problem(await client.get(export_path(str(uuid.uuid4()))), 404)
    assert "25006" not in patient.log, "nothing was tried that writes"


async def test_a_commit_that_waits_for_the_standby_is_seen_there_at_once(
    pair: Pair, patient: Server, device_id: str, group: str
) -> None:
    waiting = (
        "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'phone-manager'"
    )
    async with patient.client(await pair.primary.create_key()) as client:
        await reads_standby(patient)
        await configure(pair.primary, "set synchronous_standby_names = '*'", "set synchronous_commit = remote_apply")
        try:
            await pair.standby.pause(NAME)
            registered = asyncio.create_task(register(client, device_id, group, "Phone"))
            await until("a commit that waits", lambda: pair.primary.value(waiting))
            await pair.standby.resume(NAME)
            await registered
            assert await names(client, group) == ["Phone"]
        finally:
            await configure(pair.primary, "reset synchronous_standby_names", "reset synchronous_commit")


async def configure(database: Database, *changes: str) -> None:
    """Changes settings of the whole cluster."""
    async with database.cluster.session(database.name) as session:
        for change in changes:
            await session.execute(f"alter system {change}")
        await session.execute("select pg_reload_conf()")


async def test_a_standby_that_is_promoted_is_not_read(pair: Pair, device_id: str, group: str) -> None:
    """Comes last: there is no way back."""
    async with pair.serve(YEAR) as server, server.client(await pair.primary.create_key()) as client:
        await reads_standby(server)
        await pair.standby.promote()
        assert "it is no standby" in await said(server)
        await register(client, device_id, group, "Phone")
        assert await names(client, group) == ["Phone"]
