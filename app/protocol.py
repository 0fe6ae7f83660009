"""HTTP parsing by uvicorn's httptools protocol, with bounds, and errors in the shape of all others."""

from __future__ import annotations

import http

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import Problem
from app.middleware import SECURITY_HEADERS, request_id

MAX_HEADER_BYTES = 65_536  # request line and headers together


class HeadersTooLargeError(Exception):
    """The request line and headers are over the bound. httptools makes a parser error of it."""


class Protocol(HttpToolsProtocol):
    """A connection."""

    header_bytes = 0
    pending_bytes = 0  # received since the parser last told of something

    def data_received(self, data: bytes) -> None:
        """Takes what arrives. The parser gathers a header until its end, which may never come."""
        self.pending_bytes += len(data)
        super().data_received(data)
        if self.pending_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begins a request."""
        self.header_bytes = self.pending_bytes = 0
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport  # for answers that must be able to break off

    def on_url(self, url: bytes) -> None:
        """Takes a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Takes a piece of the body."""
        self.pending_bytes = 0
        super().on_body(body)

    def send_400_response(self, _: str) -> None:
        """Answers what is no HTTP request, and closes the connection."""
        response = Problem(400, "This is not a valid HTTP request.").response()
        headers = [
            *response.raw_headers,
            *SECURITY_HEADERS,
            (b"x-request-id", request_id(None)),
            (b"connection", b"close"),
        ]
        status = http.HTTPStatus(response.status_code)
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, status.phrase.encode(), head) + bytes(response.body)
        )
        self.transport.close()

    def _count(self, size: int) -> None:
        self.pending_bytes = 0
        self.header_bytes += size
        if self.header_bytes > MAX_HEADER_BYTES:
            raise HeadersTooLargeError
