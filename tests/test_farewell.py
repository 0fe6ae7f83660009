"""A connection whose server has said farewell, and of which nothing more is heard: an answer, then a new connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.cluster import API_PASSWORD
from tests.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Database

FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(FIELDS) + 4).to_bytes(4, "big") + FIELDS


class Wire:
    """What lies between a server and PostgreSQL."""

    def __init__(self, socket: str) -> None:
        """A wire to the PostgreSQL behind this socket."""
        self._socket = socket
        self._clients: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries a connection."""
        self._clients.append(writer)
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(_carry(reader, to_server), _carry(from_server, writer))

    def say_farewell(self) -> None:
        """Tells all clients that their session is over, and leaves their connections open."""
        for client in self._clients:
            client.write(FAREWELL)
        self._clients.clear()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
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
    async with listener:
        yield made, f"postgresql://{role}:{API_PASSWORD}@127.0.0.1:{port}/{database.name}?sslmode=disable"


async def test_after_a_farewell_a_new_connection_is_made(database: Database, tmp_path: Path) -> None:
    key = await database.create_key(rate_limit=1000)
    async with (
        wire(database) as (between, url),
        serve(url, tmp_path, database__max_connections="1") as server,
        server.client(key) as client,
    ):
        for _ in range(3):
            assert (await client.get("/api/v1/devices", params={"group_id": "group"})).status_code == 200
            between.say_farewell()
            answer = await client.get("/api/v1/devices", params={"group_id": "group"})
            assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
