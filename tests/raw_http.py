"""HTTP over a bare socket: for requests that no HTTP client would send."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 20


class Connection:
    """A connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection of these streams."""
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Sends bytes; a server that has closed the connection is no error here, its answer may still be there."""
        with contextlib.suppress(ConnectionError):
            if not self._writer.is_closing():
                self._writer.write(data)
            await self._writer.drain()

    def send_no_more(self) -> None:
        """Closes the sending side, and listens on."""
        self._writer.write_eof()

    def leave(self, *, reset: bool = False) -> None:
        """Closes the connection; by a reset, as a system does for a program that was killed, where asked for."""
        if reset:
            on, seconds = 1, 0
            linger = struct.pack("ii", on, seconds)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def answer(self, *, head: bool = False) -> httpx.Response | None:
        """The next answer, or None where the server closed the connection instead; head: it has no body."""
        async with asyncio.timeout(SECONDS):
            block = await self._head()
            if not block:
                return None
            status, *lines = block.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            headers = httpx.Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
            assert status.startswith("HTTP/1.1 ")
            code = int(status.split(" ")[1])
            length = 0 if head or code in (204, 304) or code < 200 else int(headers["Content-Length"])
            return httpx.Response(code, headers=headers, content=await self._reader.readexactly(length))

    async def _head(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return b""
        except ConnectionError:
            return b""

    async def closed(self) -> bool:
        """Waits until the server closes the connection; false if it sends something instead."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True


@contextlib.asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    """A connection to a server of this machine, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of a request; its only other header is Host."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1") + body
