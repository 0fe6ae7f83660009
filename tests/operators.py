"""Operators: logins that are members of pm_admin, their sessions, and `make psql`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tests.cluster import API_PASSWORD
from tests.own_cluster import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Database
    from tests.own_cluster import Outcome
    from tests.waiting import Session


# make hands its own variables on to each make below it; the tests may be run by one.
NO_MAKE = {"MAKEFLAGS": "", "MAKELEVEL": "0", "ARGS": ""}


async def operator_url(database: Database) -> str:
    """The URL of a database for an operator."""
    return database.cluster.url(database.name, await database.cluster.login_role("pm_admin"), API_PASSWORD)


@asynccontextmanager
async def operator_session(database: Database) -> AsyncIterator[Session]:
    """A session of an operator."""
    session = await asyncpg.connect(await operator_url(database))
    try:
        yield session
    finally:
        await session.close()


async def make_psql(database: Database, script: Path) -> Outcome:
    """Runs a script of psql's with `make psql`, which stops at the first error."""
    return await run("make", "psql", f"ARGS=-X -f {script}", PM__DATABASE__URL=await operator_url(database), **NO_MAKE)
