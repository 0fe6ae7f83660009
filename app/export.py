"""The export of a device's data: page by page from one snapshot, so that nobody ever holds it whole."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from app.endpoint import EndpointApp
from app.errors import Problem
from app.requests import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)

HEAD = "select api.export_head($1)"
PAGE = "select page, points, last_captured_at from api.export_page($1, $2, $3)"
PAGE_POINTS = 1000

# Each export keeps a connection and a snapshot, so there are few at a time, and none may last.
POOL_PART = 4  # of the pool's connections, one in so many may be an export's
QUEUE_SECONDS = 10.0  # how long an export waits for others to end
MAX_REQUEST_TIMES = 20  # a page may take as long as any request, the whole export so many times as long

REASONS: dict[type[Exception], str] = {
    ClientGoneError: "its reader has gone",
    TimeoutError: "it took too long",
    Problem: "the database failed",
}


class ExportApp(EndpointApp):
    """Answers the export: the endpoint's function audits it, then the data follow."""

    @cached_property
    def _exports(self) -> asyncio.Semaphore:
        """The places of exports."""
        return asyncio.Semaphore(max(1, self._settings.database.max_connections // POOL_PART))

    async def _call(self, request: bytes, context: bytes | None) -> Response:
        async with AsyncExitStack() as resources:
            await resources.enter_async_context(self._place())
            await self._database.fetchrow(self._statement, request, context)
            connection, head = await resources.enter_async_context(self._reads.snapshot(HEAD, request))
            return ExportResponse(head, request, connection, resources.pop_all(), self._timeout)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._exports.acquire()
        except TimeoutError:
            raise Problem(503, "Too many exports are under way.") from None
        try:
            yield
        finally:
            self._exports.release()


class ExportResponse(Response):
    """The answer. Where it breaks off, the body lacks its end, which every client notices."""

    def __init__(
        self, head: str, request: bytes, connection: Any, resources: AsyncExitStack, page_seconds: float
    ) -> None:
        """An export that begins with this head; the resources are given back at its end."""
        super().__init__(media_type="application/json")
        del self.headers["content-length"]
        self._head = head
        self._request = request
        self._connection = connection
        self._resources = resources
        self._page_seconds = page_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it. A reader that is slow is cut off: it keeps others from a connection to the database."""
        transport = scope["state"]["transport"]
        time = asyncio.get_running_loop().time
        end = time() + MAX_REQUEST_TIMES * self._page_seconds
        try:
            async with asyncio.timeout_at(time() + self._page_seconds) as limit:
                async with self._resources:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    async for chunk in self._chunks():
                        if transport.is_closing():
                            raise ClientGoneError  # noqa: TRY301  to leave both blocks
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                        limit.reschedule(min(time() + self._page_seconds, end))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (ClientGoneError, TimeoutError, Problem) as error:
            logger.warning("An export was cut off: %s.", REASONS[type(error)])
            transport.abort()  # close() would wait for what the client has not taken yet
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self._head.encode()
        count = 0
        after = None
        while True:
            page, points, after = await self._connection.fetchrow(PAGE, self._request, after, PAGE_POINTS)
            if points:
                yield (b"," if count else b"") + page[1:-1]  # a JSON array without its brackets
                count += points
            if points < PAGE_POINTS:
                break
        yield b'], "location_count" : %d}' % count
