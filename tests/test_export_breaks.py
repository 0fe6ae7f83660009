"""Exports that cannot end well: a database that fails, readers that are slow or leave, a server that stops."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from tests.contract import check_problem
from tests.exports import device_with_points, export_path, none_under_way, start_export, under_way
from tests.memory import peak_memory
from tests.server import Server, serve
from tests.waiting import beside, transaction, until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

MANY = 20_000  # points: more than the buffers between server and reader can hold
LISTING = "/api/v1/devices?group_id=exported"
TERMINATE = "select pg_terminate_backend($1)"
MIB = 1 << 20


@pytest_asyncio.fixture(scope="module", autouse=True)
async def no_hourly_limit(module_database: Database) -> None:
    """Exports as often as the tests like."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 0)")


@pytest_asyncio.fixture(scope="module")
async def device(module_database: Database) -> str:
    """A device with many points."""
    return await device_with_points(module_database, MANY)


@pytest_asyncio.fixture(scope="module")
async def key(module_database: Database) -> str:
    """A key without a limit."""
    return await module_database.create_key()


def warnings(server: Server) -> list[str]:
    """What the log says about exports that were cut off."""
    lines = (str(line["message"]) for line in server.log_lines if line["level"] in ("warning", "error"))
    return [line for line in lines if line.startswith("An export")]


# The database ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_database_that_fails_breaks_the_transfer(
    server: Server, module_database: Database, device: str, key: str, coding: str
) -> None:
    if coding == "gzip":
        device = await device_with_points(module_database, 5 * MANY)  # about the same size, compressed
    before = len(warnings(server))
    async with start_export(server, key, device, f"Accept-Encoding: {coding}") as export:
        (pid,) = await under_way(module_database)
        assert await module_database.value(TERMINATE, pid)
        await until("its end", lambda: none_under_way(module_database))
        assert not await export.ended_well()
    assert warnings(server)[before:] == ["An export was cut off: the database failed."]
    async with server.client(key) as client:
        assert (await client.get(LISTING)).status_code == 200


async def test_http_clients_notice(server: Server, module_database: Database, device: str, key: str) -> None:
    async with server.client(key) as client, client.stream("GET", export_path(device)) as answer:
        (pid,) = await under_way(module_database)
        assert await module_database.value(TERMINATE, pid)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await answer.aread()


async def test_http_1_0_clients_notice(server: Server, module_database: Database, device: str, key: str) -> None:
    """The end of the connection is that of the answer, so it must not be one in good order."""
    async with start_export(server, key, device, version="1.0") as export:
        (pid,) = await under_way(module_database)
        assert await module_database.value(TERMINATE, pid)
        assert not await export.ended_well()
        assert export.was_reset


async def test_a_database_that_fails_before_the_first_byte_is_an_answer(database: Database, tmp_path: Path) -> None:
    device = await device_with_points(database, 1)
    await database.execute("drop function api.export_head(jsonb)")
    async with (
        serve(database.api_url, tmp_path, database__max_connections="4") as server,
        server.client(await database.create_key()) as client,
    ):
        for _ in range(3):  # and it gives back its place and its connection
            check_problem(await client.get(export_path(device)), 500, message="Internal error.")
        assert (await client.get(LISTING)).status_code == 200


# Readers --------------------------------------------------------------------------------------------------------------


async def test_a_statement_that_waits_ends_with_its_export(
    module_database: Database, tmp_path: Path, device: str, key: str
) -> None:
    async with (
        serve(module_database.api_url, tmp_path, server__request_timeout_seconds="1") as server,
        server.client(key) as client,
        module_database.cluster.session(module_database.name) as watch,
        transaction(module_database, "lock table core.locations in access exclusive mode") as holder,
        beside(client.get(export_path(device))) as export,
    ):
        (pid,) = await until_blocked(watch, holder)
        with pytest.raises(httpx.RemoteProtocolError):
            await export

        async def waits_no_more() -> bool:
            return not await watch.fetchval("select pg_blocking_pids($1) <> '{}'", pid)

        await until("the statement's end", waits_no_more)


async def test_a_reader_that_leaves_gives_back_the_connection(
    server: Server, module_database: Database, device: str, key: str
) -> None:
    async with start_export(server, key, device) as export:
        assert len(await under_way(module_database)) == 1
        export.leave()
        await until("the end of the export", lambda: none_under_way(module_database))
    async with server.client(key) as client:
        for _ in range(6):  # there are 5 places
            async with client.stream("GET", export_path(device)) as answer:
                assert answer.status_code == 200
        await until("the end of all exports", lambda: none_under_way(module_database))
        assert (await client.get(LISTING)).status_code == 200


async def test_a_reader_that_stops_is_cut_off_and_others_are_served_meanwhile(
    module_database: Database, tmp_path: Path, device: str, key: str
) -> None:
    async with (
        serve(module_database.api_url, tmp_path, server__request_timeout_seconds="2") as server,
        server.client(key) as client,
        start_export(server, key, device) as export,
    ):
        served = 0
        while await under_way(module_database):
            answers = await asyncio.gather(*(client.get(LISTING) for _ in range(25)))  # the pool has 20
            assert {answer.status_code for answer in answers} == {200}
            served += len(answers)
        assert served > 25
        assert not await export.ended_well()
        assert warnings(server) == ["An export was cut off: it took too long."]
        assert (await client.get(export_path(device))).json()["location_count"] == MANY


async def test_a_reader_that_is_ever_so_slow_is_cut_off_in_the_end(
    module_database: Database, tmp_path: Path, key: str
) -> None:
    device = await device_with_points(module_database, 100_000)
    async with (
        serve(module_database.api_url, tmp_path, server__request_timeout_seconds="0.5") as server,
        start_export(server, key, device) as export,
    ):
        while data := await export.read():  # noqa: ASYNC110
            await asyncio.sleep(len(data) / 1_300_000)  # the reader's speed: all would take it more than 15 s
        assert warnings(server) == ["An export was cut off: it took too long."]


async def test_too_many_slow_readers(module_database: Database, tmp_path: Path, device: str, key: str) -> None:
    """Of four connections an export may have one. Whoever does not get it in 10 seconds is told so."""
    async with (
        serve(module_database.api_url, tmp_path, database__max_connections="4") as server,
        server.client(key) as client,
        start_export(server, key, device) as export,
    ):
        check_problem(await client.get(export_path(device)), 503, message="Too many exports are under way.")
        assert await export.ended_well()
        assert (await client.get(export_path(device))).status_code == 200


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_memory_is_bounded(server: Server, module_database: Database, key: str, coding: str) -> None:
    """Also where the reader lets the buffers fill first."""
    device = await device_with_points(module_database, 200_000)
    async with server.client(key) as client:
        small = await device_with_points(module_database, 3000)
        await client.get(export_path(small), headers={"Accept-Encoding": coding})
    before = await peak_memory(server.process.pid)
    async with start_export(server, key, device, f"Accept-Encoding: {coding}") as export:
        assert len(await under_way(module_database)) == 1
        assert await export.ended_well()
    assert await peak_memory(server.process.pid) - before < 8 * MIB


# Stopping -------------------------------------------------------------------------------------------------------------


async def test_sigterm_lets_an_export_end(module_database: Database, tmp_path: Path, device: str, key: str) -> None:
    async with (
        serve(module_database.api_url, tmp_path) as server,
        start_export(server, key, device) as export,
        beside(server.stop()) as stopping,
    ):

        async def stops() -> bool:
            return "Shutting down" in server.log

        await until("the beginning of the end", stops)
        assert await export.ended_well()
        assert await stopping == 0


async def test_sigterm_does_not_wait_for_a_reader_that_has_stopped(
    module_database: Database, tmp_path: Path, device: str, key: str
) -> None:
    async with (
        serve(module_database.api_url, tmp_path, server__shutdown_timeout_seconds="1") as server,
        start_export(server, key, device) as export,
    ):
        began = time.monotonic()
        assert await server.stop() == 0
        assert time.monotonic() - began < 20, "before its reader would have been cut off"
        assert not await export.ended_well()
    await until("the end of the export", lambda: none_under_way(module_database))
