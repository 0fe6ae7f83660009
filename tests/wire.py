"""What lies between a server and PostgreSQL: it can fall silent, or say what PostgreSQL would say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.cluster import API_PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Database

FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(FIELDS) + 4).to_bytes(4, "big") + FIELDS


class Wire:
    """Carries connections while it flows."""

    def __init__(self, socket: str) -> None:
        """A wire to the PostgreSQL behind this socket."""
        self.flows = asyncio.Event()
        self.flows.set()
        self._socket = socket
        self._clients: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries a connection."""
        self._clients.append(writer)
        await self.flows.wait()
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(self._carry(reader, to_server), self._carry(from_server, writer))

    def say_farewell(self) -> None:
        """Tells all clients that their session is over, and leaves their connections open."""
        for client in self._clients:
            client.write(FAREWELL)
        self._clients.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self.flows.wait()
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def wire(database: Database) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to a database, and the URL of its near end."""
    environment = database.cluster.environment
    made = Wire(f"{environment['PGHOST']}/.s.PGSQL.{environment['PGPORT']}")
    listener = await asyncio.start_server(made.connect, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    role = await database.cluster.login_role("pm_api")
    try:
        yield made, f"postgresql://{role}:{API_PASSWORD}@127.0.0.1:{port}/{database.name}?sslmode=disable"
    finally:
        made.flows.set()
        listener.close()
        await listener.wait_closed()
