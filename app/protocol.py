"""HTTP parsing by uvicorn's httptools protocol, with bounds and time limits, and errors in the shape of all others."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import logs, metrics
from app.errors import Problem
from app.flow import Flow
from app.middleware import SECURITY_HEADERS, request_id
from app.unchunked import Unchunked

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEADER_BYTES = 65_536  # request line and headers together
MAX_PIPELINED = 1000  # requests that wait for their turn on a connection

# How long a client may leave an answer in our buffers, in request times: an export's own limit comes first.
TAKING_TIMES = 2


class OutOfBoundsError(Exception):
    """The head of a request is too large, or too many requests wait. httptools makes a parser error of it."""


class Protocol(HttpToolsProtocol):
    """A connection.

    Whatever it waits for has a time limit. While a request is worked on, that is the endpoint's. What comes at other
    times must become the head of a request in time, or end the body of one that is answered already. The keep-alive
    time is uvicorn's; it would begin anew with each byte.
    """

    flow: Flow
    header_bytes = 0
    pending_bytes = 0  # received since the parser last told of something
    in_head = False  # between the first byte of a request and the end of its head
    in_message = False  # between the first byte of a request and the end of its body
    deaf = False  # nothing that comes is read any more
    refused = False  # a 400 is due, after the answers that come before it
    limit: asyncio.TimerHandle | None = None
    taking_limit: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, request_seconds: float, **kwargs: Any) -> None:
        """A connection whose client has so long for a request."""
        super().__init__(*args, **kwargs)
        self.request_seconds = request_seconds

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        self._limit(self.request_seconds)

    def data_received(self, data: bytes) -> None:
        """Takes what arrives. The parser gathers a header until its end, which may never come."""
        if self.deaf:
            return
        self.pending_bytes += len(data)
        super().data_received(data)
        if self.pending_bytes > MAX_HEADER_BYTES:
            self.send_400_response("")
        if self.limit is None and not self._working():
            self._limit(self.request_seconds if self.in_message else self.timeout_keep_alive)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Leaves the connection open where an answer is due: the client may have nothing more to say and yet listen."""
        lacks_its_end = self.in_message and not self.in_head and not self.deaf
        if lacks_its_end or not self._working():
            return False
        self.cycle.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._no_limit()
        self._unset_keepalive_if_required()
        if self.taking_limit is not None:
            self.taking_limit.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Gives the client some time to take what is written. What it does not take keeps a request from ending."""
        super().pause_writing()
        self.taking_limit = self.loop.call_later(TAKING_TIMES * self.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on when it has."""
        super().resume_writing()
        if self.taking_limit is not None:
            self.taking_limit.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Ends a connection whose client is late, with an answer where it has begun a request."""
        if self.transport.is_closing():
            return
        self.deaf = True
        if self.in_head:
            self._answer(Problem(408))
        elif self.transport.get_write_buffer_size():
            self.transport.abort()  # close() would wait for what the client does not take
        else:
            self.transport.close()

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begins a request."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise OutOfBoundsError
        self.header_bytes = self.pending_bytes = 0
        self.in_head = self.in_message = True
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport  # for answers that must be able to break off
        self.scope["state"]["rest"] = self.flow.rest

    def on_url(self, url: bytes) -> None:
        """Takes a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Has a request answered, or puts it in line."""
        super().on_headers_complete()
        self.in_head = False
        self._no_limit()

    def on_body(self, body: bytes) -> None:
        """Takes a piece of the body."""
        self.pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends a request. If it has its answer already, the connection is at rest now."""
        self.in_message = False
        super().on_message_complete()
        if self.cycle.response_complete:
            self._no_limit()

    def _unsupported_upgrade_warning(self) -> None:
        """Answers a request for another protocol in this one, and closes: the parser has skipped its body."""
        self.deaf = True
        self.cycle.keep_alive = False

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Has a request answered, in a way that its version knows."""
        if cycle.scope["http_version"] == "1.0":
            app = Unchunked(app, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Lets the next request have its turn."""
        last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self.loop.call_later(TAKING_TIMES * self.request_seconds, self.transport.abort)
        elif last and self.refused:
            self._answer(Problem(400, "This is not a valid HTTP request."))

    def send_400_response(self, _: str) -> None:
        """Answers what is no HTTP request, in its turn, and closes the connection. No request gets two answers."""
        if self.deaf:
            return
        self.deaf = self.refused = True
        self._no_limit()
        if self.in_message and not self.in_head:  # it is the body of a request that is bad
            if self.cycle.response_started:
                self.transport.close()
                return
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            else:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        if not self._working():
            self._answer(Problem(400, "This is not a valid HTTP request."))

    def _working(self) -> bool:
        """Whether a request is worked on."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _answer(self, problem: Problem) -> None:
        """Writes an answer that belongs to no request of the application, and closes the connection."""
        response = problem.response()
        identity = request_id(None)
        headers = [
            *response.raw_headers,
            *SECURITY_HEADERS,
            (b"x-request-id", identity),
            (b"connection", b"close"),
        ]
        status = http.HTTPStatus(response.status_code)
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, status.phrase.encode(), head) + bytes(response.body)
        )
        self.transport.close()
        metrics.refused(response.status_code)
        line = dict.fromkeys(("request_id", "method", "path", "status", "duration_ms", "api_key_id"))
        logs.access({**line, "request_id": identity.decode(), "status": response.status_code})

    # Bounds

    def _limit(self, seconds: float) -> None:
        self.limit = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _no_limit(self) -> None:
        if self.limit is not None:
            self.limit.cancel()
            self.limit = None

    def _count(self, size: int) -> None:
        self.pending_bytes = 0
        self.header_bytes += size
        if self.header_bytes > MAX_HEADER_BYTES:
            raise OutOfBoundsError
