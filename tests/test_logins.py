"""What the passwords of the service's logins are good for, in sessions of their own: see sql/tests/intruders.sql."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cluster import API_PASSWORD
from tests.conftest import registration
from tests.waiting import call

if TYPE_CHECKING:
    from tests.cluster import Database

LOGINS = ("pm_api", "pm_admin", "pm_monitor")
REFUSED = (
    "set session authorization pm_owner",
    "set session authorization postgres",
    "create database intruder",
    "create tablespace intruder location '/tmp'",
    "alter system set log_statement = 'all'",
    "copy core.devices to stdout",
    "copy core.devices from stdin",
    "copy (select * from core.api_keys) to stdout",
    "declare c cursor with hold for table core.devices",
    "listen x; table core.audit_log",
)


@pytest.mark.parametrize("login", LOGINS)
async def test_what_no_transaction_may_hold_is_refused_too(module_database: Database, login: str) -> None:
    cluster = module_database.cluster
    role = await cluster.login_role(login)
    session = await asyncpg.connect(cluster.url(module_database.name, role, API_PASSWORD))
    try:
        for statement in REFUSED:
            with pytest.raises(asyncpg.PostgresError) as refused:
                await session.execute(statement)
            assert refused.value.sqlstate == "42501", statement
    finally:
        await session.close()


@pytest.mark.parametrize("login", ["pm_api", "pm_admin"])
async def test_a_clock_of_the_callers_is_not_heard(module_database: Database, login: str, device_id: str) -> None:
    """Points past their retention, or expired keys, would come back."""
    cluster = module_database.cluster
    session = await asyncpg.connect(
        cluster.url(module_database.name, await cluster.login_role(login), API_PASSWORD),
        server_settings={"pm.test_now": "2001-01-01"},
    )
    try:
        if login == "pm_api":
            await call(session, "register_device", registration(device_id, "clock"))
            assert await module_database.value("select min(created_at) > now() - interval '1 hour' from core.devices")
        else:
            await session.execute("select admin.create_api_key('clock')")
            assert await module_database.value("select min(created_at) > now() - interval '1 hour' from core.api_keys")
    finally:
        await session.close()


async def test_a_login_does_not_see_what_others_ask(module_database: Database) -> None:
    """Statements of operators hold names and groups; those of the API hold no values at all."""
    cluster = module_database.cluster
    sessions = {}
    try:
        for login in LOGINS:
            url = cluster.url(module_database.name, await cluster.login_role(login), API_PASSWORD)
            sessions[login] = await asyncpg.connect(url)
        await sessions["pm_admin"].fetch("select * from admin.list_devices(p_group_id => 'secret-group')")
        seen = "select query from pg_stat_activity where query like '%secret-group%' and pid <> pg_backend_pid()"
        assert len(await module_database.fetch(seen)) == 1
        for login in ("pm_api", "pm_monitor"):
            assert await sessions[login].fetch(seen) == [], login
    finally:
        await asyncio.gather(*(session.close() for session in sessions.values()))
