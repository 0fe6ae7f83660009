"""Runs the server: python -m app."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import NoReturn

import asyncpg
import uvicorn

from app import config, database, logs
from app.protocol import Protocol


def main() -> None:
    """Serves until SIGTERM or SIGINT, then exits with 0. A wrong configuration: one line, exit 2."""
    try:
        settings = config.load()
        asyncio.run(check_limits(settings))
    except config.ConfigError as error:
        sys.exit(_complain(str(error)))
    logs.configure(settings.logging.level, settings.logging.format)

    # uvicorn raises the signal again when it has stopped; stopping was the wish, so that is success.
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, _stopped)
    uvicorn.run(
        "app.application:create",
        factory=True,
        host=settings.server.host,
        port=settings.server.port,
        workers=settings.server.workers,
        loop="uvloop",
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.server.keep_alive_seconds,
        timeout_graceful_shutdown=settings.server.shutdown_timeout_seconds,
    )


async def check_limits(settings: config.Config) -> None:
    """Writes the configured limits, if the database is there, so that a bad one stops the start.

    Their ranges stand in the database. Where it is away, each worker does this when it comes up.
    """
    with contextlib.suppress(OSError, TimeoutError, asyncpg.InterfaceError):
        try:
            connection = await asyncpg.connect(
                settings.database.url.get_secret_value(), timeout=settings.database.connect_timeout_seconds
            )
        except ValueError:  # asyncpg cannot read it; the text of the error may quote a password
            raise config.ConfigError(f"{config.PREFIX}DATABASE__URL: this is no URL of a database") from None
        except asyncpg.PostgresError:
            return
        try:
            async with asyncio.timeout(settings.database.connect_timeout_seconds):
                await database.pass_json_through(connection)
                await database.prepare(connection, settings)
        except asyncpg.PostgresError as error:
            if error.sqlstate == "PT400":
                name = error.message.split()[0]
                raise config.ConfigError(f"{config.setting_variable(name)}: {error.message}") from None
        finally:
            await connection.close()


def _stopped(number: int, _: object) -> NoReturn:
    sys.exit(0 if number == signal.SIGTERM else 130)


def _complain(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  there is no log yet
    return 2


if __name__ == "__main__":
    main()
