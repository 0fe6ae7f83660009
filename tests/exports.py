"""Exports as a client sees them that reads when the test says so, and devices with much to export."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database
    from tests.server import Server

SECONDS = 60
END = b"\r\n0\r\n\r\n"  # of a chunked body
UNDER_WAY = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'phone-manager' and backend_xmin is not null
"""


def export_path(device: str) -> str:
    """The address of a device's export."""
    return f"/api/v1/devices/{device}/data-export"


async def device_with_points(database: Database, count: int) -> str:
    """A device with so many points, one a second until now."""
    device = str(uuid.uuid4())
    await database.value(
        "insert into core.devices (device_id, display_name, group_id) values ($1, 'Phone', 'exported')", device
    )
    await database.value(
        """insert into core.locations (device_id, captured_at, latitude, longitude, accuracy, speed, provider)
           select $1, date_trunc('milliseconds', now()) - n * interval '1 second', 45 + n / 1e6, 13, 5, n % 30, 'gps'
           from generate_series(1, $2::integer) n""",
        device,
        count,
    )
    return device


class Export:
    """An export under way. As long as nothing is read, the network's buffers fill, and the server has to wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The export on a connection."""
        self._reader = reader
        self._writer = writer
        self.received = b""
        self.was_reset = False

    async def read(self) -> bytes:
        """What comes next, at most 64 KiB; nothing at the end of the connection, also of one that was broken."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self._reader.read(65536)
            except ConnectionError:
                self.was_reset = True
                return b""

    async def ended_well(self) -> bool:
        """Reads all that is left; whether it has its end."""
        tail = b""
        while data := await self.read():
            tail = (tail + data)[-len(END) :]
        return tail == END

    def leave(self) -> None:
        """Closes the connection."""
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def start_export(
    server: Server, key: str, device: str, *headers: str, version: str = "1.1"
) -> AsyncIterator[Export]:
    """An export whose first bytes have come; they are read, and no more.

    Its packets are small, as beyond this machine: over the loopback the kernel would keep megabytes for the reader.
    """
    connection = socket.socket()
    connection.setblocking(False)  # noqa: FBT003
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=65536)
    lines = (
        f"GET {export_path(device)} HTTP/{version}",
        "Host: test",
        f"X-API-Key: {key}",
        *headers,
        "Connection: close",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    export = Export(reader, writer)
    try:
        assert (await export.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        yield export
    finally:
        export.leave()


async def under_way(database: Database) -> list[int]:
    """The sessions that have a snapshot for an export."""
    return [row["pid"] for row in await database.fetch(UNDER_WAY)]


async def none_under_way(database: Database) -> bool:
    """Whether there is no such session."""
    return not await under_way(database)
