"""Runs the server: python -m app."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from ipaddress import ip_network
from typing import Any, NoReturn

import asyncpg
import uvicorn

from app import config, database, logs
from app.protocol import Protocol
from app.scrape import WORKERS_DIRECTORY


def main() -> None:
    """Serves until SIGTERM or SIGINT, then exits with 0. A wrong configuration: one line, exit 2."""
    with contextlib.ExitStack() as stack:
        try:
            settings = config.load()
            check_address(settings.server)
            asyncio.run(check_limits(settings))
            if settings.server.workers > 1:
                os.environ[WORKERS_DIRECTORY] = stack.enter_context(counts_directory())
        except config.ConfigError as error:
            sys.exit(_complain(str(error)))
        logs.configure(settings.logging.level, settings.logging.format)

        # uvicorn raises the signal again when it has stopped; stopping was the wish, so that is success.
        signal.signal(signal.SIGTERM, _stopped)
        signal.signal(signal.SIGINT, _stopped)
        uvicorn.run("app.application:create", factory=True, **options(settings))


def options(settings: config.Config) -> dict[str, Any]:
    """How uvicorn serves. Whom X-Forwarded-For tells is the client only where a trusted proxy sent it."""
    return {
        "host": settings.server.host,
        "port": settings.server.port,
        "workers": settings.server.workers,
        "loop": "uvloop",
        "http": Protocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.security.trusted_proxies),
        "forwarded_allow_ips": [*settings.security.trusted_proxies, *map(_mapped, settings.security.trusted_proxies)],
        "timeout_keep_alive": settings.server.keep_alive_seconds,
        "timeout_graceful_shutdown": settings.server.shutdown_timeout_seconds,
    }


def _mapped(network: str) -> str:
    """The network as a socket for both IPv4 and IPv6 sees it."""
    given = ip_network(network)
    return network if given.version == 6 else f"::ffff:{given.network_address}/{given.prefixlen + 96}"


def check_address(server: config.Server) -> None:
    """Tries whether the server can listen where it should."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind((server.host, server.port))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is no name of a host"
        names = f"{config.PREFIX}SERVER__HOST, {config.PREFIX}SERVER__PORT"
        raise config.ConfigError(f"{names}: cannot listen there: {reason}") from None


def counts_directory() -> tempfile.TemporaryDirectory[str]:
    """Where several workers put down what they count, so that any of them can add it up; gone at the end."""
    try:
        return tempfile.TemporaryDirectory(prefix="phone-manager-metrics-")
    except OSError as error:
        reason = f"several workers need a directory for temporary files (TMPDIR): {error.strerror}"
        raise config.ConfigError(f"{config.PREFIX}SERVER__WORKERS: {reason}") from None


async def check_limits(settings: config.Config) -> None:
    """Writes the configured limits, if the database is there, so that a bad one stops the start.

    Their ranges stand in the database. Where it is away, each worker does this when it comes up.
    """
    with contextlib.suppress(OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresError):
        try:
            connection = await asyncpg.connect(
                settings.database.url.get_secret_value(), timeout=settings.database.connect_timeout_seconds
            )
        except ValueError:  # asyncpg cannot read it; the text of the error may quote a password
            raise config.ConfigError(f"{config.PREFIX}DATABASE__URL: this is no URL of a database") from None
        try:
            async with asyncio.timeout(settings.database.connect_timeout_seconds):
                await database.pass_json_through(connection)
                await database.prepare(connection, settings)
        finally:
            await connection.close()


def _stopped(number: int, _: object) -> NoReturn:
    sys.exit(0 if number == signal.SIGTERM else 130)


def _complain(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  there is no log yet
    return 2


if __name__ == "__main__":
    main()
