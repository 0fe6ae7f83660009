"""A TCP proxy before PostgreSQL that stalls, drops, delays and cuts: a network that fails."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK = 65_536
FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(FIELDS) + 4).to_bytes(4, "big") + FIELDS


class Link:
    """A connection through the proxy."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter, bytes_left: int | None) -> None:
        """A connection of these two ends, that dies after so many bytes of answers."""
        self.ends = (near, far)
        self.bytes_left = bytes_left
        self.dead = False

    def abort(self) -> None:
        """Breaks it."""
        for end in self.ends:
            end.transport.abort()


class Proxy:
    """Passes bytes on, or does not."""

    def __init__(self, port: int) -> None:
        """A proxy to this port of the loopback."""
        self._target = port
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._delay = 0.0
        self._answer_bytes: int | None = None
        self._dead_after: int | None = None
        self.links: set[Link] = set()

    def pass_on(self) -> None:
        """Passes everything on at once, what was held up, too; but nothing on connections that are dead."""
        self._refusing = False
        self._delay = 0.0
        self._answer_bytes = None
        self._dead_after = None
        self._passing.set()

    def stall(self) -> None:
        """Accepts connections and bytes, and passes nothing on."""
        self._passing.clear()

    def forget(self) -> None:
        """Passes nothing on any more on the connections there are, without a word to anybody."""
        for link in self.links:
            link.dead = True

    def die_after(self, size: int) -> None:
        """Passes no more than so many bytes of answers on a new connection, without a word to anybody."""
        self._dead_after = size

    def delay(self, seconds: float) -> None:
        """Holds up each piece for a while."""
        self._delay = seconds

    @property
    def cutting(self) -> bool:
        """Whether the connection that was to be cut has not been cut yet."""
        return self._answer_bytes is not None

    def cut_answers(self, size: int) -> None:
        """Breaks a connection when so many more bytes of answers have come through."""
        self._answer_bytes = size

    def refuse(self) -> None:
        """Breaks all connections, and every new one at once."""
        self._refusing = True
        self.drop()

    def say_farewell(self) -> None:
        """Tells all clients what PostgreSQL would at the end of their sessions, and then nothing more."""
        for link in self.links:
            if not link.dead:
                link.ends[0].write(FAREWELL)
                link.dead = True

    def drop(self) -> None:
        """Breaks all connections there are."""
        for link in self.links:
            link.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection."""
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, far_writer, self._dead_after)
        self.links.add(link)
        pumps = [
            asyncio.create_task(self._pump(link, reader, far_writer, answers=False)),
            asyncio.create_task(self._pump(link, far_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            link.abort()
            self.links.discard(link)

    async def _pump(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while data := await reader.read(CHUNK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._passing.wait()
            if link.dead:
                continue
            if answers and link.bytes_left is not None:
                data = data[: link.bytes_left]
                link.bytes_left -= len(data)
                link.dead = link.bytes_left == 0
            if answers and self._answer_bytes is not None:
                data = data[: self._answer_bytes]
                self._answer_bytes -= len(data)
            writer.write(data)
            await writer.drain()
            if answers and self._answer_bytes == 0:
                self._answer_bytes = None
                writer.close()
                await writer.wait_closed()
                return


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before a database, and the URL of that database through it."""
    parts = urlsplit(url)
    proxy = Proxy(int(parse_qs(parts.query)["port"][0]))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, f"{parts.scheme}://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"
    finally:
        server.close()
        proxy.pass_on()
        proxy.drop()

        async def gone() -> bool:
            return not proxy.links

        await until("the end of all links", gone)
