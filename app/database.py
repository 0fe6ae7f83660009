"""The way to PostgreSQL: a pool, one statement a call, JSON passed through as bytes."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import orjson

from app import config, metrics
from app.errors import Problem, from_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logger = logging.getLogger(__name__)

# The version of the schema that this API needs, see api.health(). It runs against every later one too.
SCHEMA_VERSION = 1

RETRIED = ("40001", "40P01")  # serialization failure, deadlock
ATTEMPTS = 3
READ_ONLY = "25006"

START_SECONDS = 2.0  # for the pool to open before requests are served; then they are served without it
RETRY_SECONDS = 1.0  # between attempts to open the pool
RELEASE_SECONDS = 1.0  # for a cancelled statement to end; then the connection is given up
SAMPLE_SECONDS = 1.0  # between looks at the pool, for the metrics

# The lines of an error's CONTEXT that tell a place in the code.
PLACE = re.compile(r"^(?:PL/pgSQL|SQL) function .*$", re.MULTILINE)

# How asyncpg tells that a connection is gone. The second is what it says between the server's farewell and the end of
# the connection.
BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Database:
    """A pool of connections that comes up when the database does."""

    name = "database"
    application_name = "phone-manager"
    retried: tuple[str, ...] = RETRIED

    def __init__(self, settings: config.Config) -> None:
        """A pool that is not open yet."""
        self._config = settings
        self._url = settings.database.url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._why_closed: str | None = None
        self._sampling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens the pool. Where the database is away, that goes on in the background: probes want an answer."""
        self._sampling = asyncio.create_task(self._sample())
        attempt = asyncio.create_task(self._open())
        self._opening = asyncio.create_task(self._keep_opening(attempt))
        await asyncio.wait((attempt,), timeout=START_SECONDS)

    async def stop(self) -> None:
        """Closes the pool; statements under way have ended by then."""
        for task in (self._opening, self._sampling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._pool is not None:
            try:
                async with asyncio.timeout(5):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    async def fetchrow(self, statement: str, *arguments: Any) -> asyncpg.Record:
        """Runs a statement that returns one row. Raises Problem."""
        (row,) = await self.fetch(statement, *arguments)
        return row

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs a statement in a transaction of its own, committed when this returns; its rows.

        Raises Problem. A deadlock or serialization failure is tried again: its transaction left nothing behind.
        """
        for attempt in range(1, ATTEMPTS + 1):
            pool, connection = await self._acquire()
            started = time.perf_counter()
            try:
                return cast("list[asyncpg.Record]", await connection.fetch(statement, *arguments))
            except asyncpg.PostgresError as error:
                if error.sqlstate == READ_ONLY:
                    await pool.expire_connections()
                if error.sqlstate in self.retried and attempt < ATTEMPTS:
                    logger.warning("Trying again", extra={"sqlstate": error.sqlstate})
                else:
                    raise _reported(error) from None
            except BROKEN as error:
                logger.error("The connection to the database broke: %s", type(error).__name__)  # its text may quote
                raise Problem(503) from None
            finally:
                metrics.query_seconds(statement).observe(time.perf_counter() - started)
                await release(pool, connection)
            await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311  spreads retries
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def snapshot(self, statement: str, *arguments: Any) -> AsyncIterator[tuple[Any, Any]]:
        """A connection that can only read, and sees what its first statement sees; that one's value. Raises Problem."""
        pool, connection = await self._acquire()
        ended_well = False
        try:
            limit = int(self._config.server.request_timeout_seconds * 1000)  # for who is cut off without a word
            await connection.execute(
                f"begin isolation level repeatable read, read only; set local statement_timeout = {limit}"
            )
            yield connection, await connection.fetchval(statement, *arguments)
            await connection.execute("commit")
            ended_well = True
        except asyncpg.PostgresError as error:
            raise _reported(error) from None
        except BROKEN as error:
            logger.error("The connection to the database broke: %s", type(error).__name__)
            raise Problem(503) from None
        finally:
            if not ended_well:
                with suppress(asyncpg.InterfaceError):  # it is gone already
                    connection.terminate()  # rather than wait for the end of what it is doing
            await release(pool, connection)

    @property
    def is_open(self) -> bool:
        """Whether the pool has come up; it stays, also while the database is away."""
        return self._pool is not None

    async def renew(self) -> None:
        """Gives up all connections, those in use when they are given back."""
        if self._pool is not None:
            await self._pool.expire_connections()

    async def _acquire(self) -> tuple[asyncpg.Pool[asyncpg.Record], Any]:
        pool = self._pool
        if pool is None:
            raise Problem(503)
        try:
            async with asyncio.timeout(self._config.database.connect_timeout_seconds):
                return pool, await pool.acquire()
        except (asyncpg.PostgresError, *BROKEN, TimeoutError) as error:
            logger.error("No connection to the %s: %s", self.name, reason(error))
            raise Problem(503) from None

    def _new_pool(self, least: int, most: int) -> asyncpg.Pool[asyncpg.Record]:
        """A pool of so many connections."""
        database = self._config.database
        return asyncpg.create_pool(
            self._url.get_secret_value(),
            min_size=least,
            max_size=most,
            max_inactive_connection_lifetime=database.idle_timeout_seconds,
            timeout=database.connect_timeout_seconds,
            statement_cache_size=database.statement_cache_size,
            server_settings={"application_name": self.application_name},
            init=self._begin_connection,
            reset=_keep_session,
        )

    async def _open(self) -> bool:
        database = self._config.database
        pool = self._new_pool(database.min_connections, database.max_connections)
        try:
            await pool
            async with pool.acquire() as connection:
                async with asyncio.timeout(database.connect_timeout_seconds):
                    await self._prepare(connection)
        except Exception as error:  # noqa: BLE001  nobody but this loop would come back to it
            if reason(error) != self._why_closed:
                self._why_closed = reason(error)
                logger.error("The %s cannot be used: %s", self.name, self._why_closed)
            pool.terminate()
            return False
        self._pool = pool
        return True

    async def _prepare(self, connection: Any) -> None:
        await prepare(connection, self._config)

    async def _begin_connection(self, connection: Any) -> None:
        """Prepares a new connection. The pool gives this no time limit, and would close it only when it answers."""
        try:
            async with asyncio.timeout(self._config.database.connect_timeout_seconds):
                await pass_json_through(connection)
        except BaseException:
            connection.terminate()
            raise

    async def _keep_opening(self, attempt: asyncio.Task[bool]) -> None:
        while not await attempt:
            await asyncio.sleep(RETRY_SECONDS)
            attempt = asyncio.create_task(self._open())
        if self._why_closed is not None:
            logger.info("The %s can be used.", self.name)

    async def _sample(self) -> None:
        """Tells the metrics how the connections are used. Counting each use would cost every request."""
        while True:
            idle = self._pool.get_idle_size() if self._pool else 0
            metrics.CONNECTIONS_IDLE.set(idle)
            metrics.CONNECTIONS_ACTIVE.set(self._pool.get_size() - idle if self._pool else 0)
            await asyncio.sleep(SAMPLE_SECONDS)


async def release(pool: asyncpg.Pool[asyncpg.Record], connection: Any) -> None:
    """Gives a connection back; one whose statement does not end is given up."""
    try:
        await pool.release(connection, timeout=RELEASE_SECONDS)
    except (asyncpg.PostgresError, *BROKEN) as error:
        logger.warning("A connection was lost: %s", reason(error))
        if isinstance(error, TimeoutError):  # not even a request to cancel came through: others may be dead, too
            await pool.expire_connections()


async def pass_json_through(connection: Any) -> None:
    """Has json and jsonb travel as bytes: the database parses and builds them, nobody else."""
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda body: b"\x01" + body,  # the version byte of jsonb's binary format
        decoder=lambda body: body[1:],
        format="binary",
    )


async def prepare(connection: Any, settings: config.Config) -> None:
    """Does what an instance does once at start-up: writes configured limits, makes missing partitions.

    Raises ConfigError for a limit that the database refuses.
    """
    limits = settings.database_settings()
    try:
        await connection.execute("select api.prepare($1)", orjson.dumps(limits))
    except asyncpg.PostgresError as error:
        if error.sqlstate != "PT400":
            raise
        refused = next(name for name in re.findall(r"\w+", error.message) if name in limits)
        raise config.ConfigError(f"{config.setting_variable(refused)}: {error.message}") from None


async def _keep_session(_: Any) -> None:
    """Skips the reset of a released connection and its round trip: no statement here sets session state."""


def _reported(error: asyncpg.PostgresError) -> Problem:
    """The answer to an error; those that are our fault are logged, without the DETAIL, which may quote rows."""
    problem = from_postgres(error)
    if problem.status >= 500:
        logger.error(
            "Database error: %s",
            error.message if problem.status == 500 else type(error).__name__,
            extra={"sqlstate": error.sqlstate, "context": _places(error.context or "")},
        )
    return problem


def reason(error: Exception) -> str:
    """Why there is no connection, for the log. Such errors come before any request's data."""
    if isinstance(error, config.ConfigError):
        return str(error)
    if not isinstance(error, (asyncpg.PostgresError, *BROKEN)):
        return type(error).__name__
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _places(context: str) -> str:
    """Where an error arose. Statements and parameters, which a CONTEXT may hold as well, may quote a request."""
    return "\n".join(PLACE.findall(context))
