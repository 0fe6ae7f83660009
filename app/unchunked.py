"""Answers to HTTP/1.0, which knows no chunks: what has no length ends with the connection."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

RESET = struct.pack("ii", 1, 0)
FINISH = struct.pack("ii", 0, 0)


class Unchunked:
    """An application whose answers have no chunks.

    As long as one is not whole, the connection ends with a reset: an answer that breaks off must not look well. So
    nothing of it may wait in a buffer of ours when the last piece is sent: what is lost from there is lost with a
    proper end.
    """

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        """Wraps an ASGI application for one request."""
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request."""
        transport = scope["state"]["transport"]
        connection = transport.get_extra_info("socket")
        has_length = True

        async def send_as_it_is(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name == b"content-length" for name, _ in message["headers"])
                if not has_length and not transport.is_closing():
                    transport.set_write_buffer_limits(0)
                    self._cycle.chunked_encoding = False
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            elif not has_length:
                self._cycle.expected_content_length = len(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._cycle.flow.drain()
                if not message.get("more_body", False) and not transport.is_closing():
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, FINISH)
            await send(message)

        await self._app(scope, receive, send_as_it_is)
