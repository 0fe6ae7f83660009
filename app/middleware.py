"""What every request and answer has: an id, headers, a line in the log, and an answer even to a crash."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from app import logs, metrics
from app.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import Headers
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
GZIP_REFUSED = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"1; mode=block"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether a client takes compressed answers, by its Accept-Encoding."""
    return b"gzip" in accept_encoding and not GZIP_REFUSED.search(accept_encoding)


def request_id(given: bytes | None) -> bytes:
    """The id that a client gave, or a new one where it gave none or a bad one."""
    if given is not None and REQUEST_ID.fullmatch(given):
        return given
    return str(uuid.uuid4()).encode()


class RequestContext:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
        """Wraps an ASGI application; what it must answer itself is wrapped by the same as that application."""
        self._wrap = wrap
        self._app = wrap(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = time.perf_counter()
        identity = request_id(next((value for name, value in scope["headers"] if name == b"x-request-id"), None))
        logs.request_id.set(identity.decode())
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in SECURITY_HEADERS if header[0] not in given),  # a page says what it needs
                    (b"x-request-id", identity),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            if status:
                raise
            # uvicorn gives up waiting for this request: its time to shut down is over.
            response = Problem(503, "The server is shutting down.").response()
            await self._wrap(response)(scope, receive, send_with_headers)
        except Exception:
            logger.exception("Unexpected error")
            if status:
                raise  # the answer has begun: uvicorn breaks the connection, and the client sees that it is incomplete
            await self._wrap(Problem(500).response())(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = scope.get("route")
            path = route.path if route else None  # what else a path holds may be private
            if status:
                metrics.answered(scope["method"], path, status, seconds)
            logs.access(
                {
                    "request_id": identity.decode(),
                    "method": scope["method"],
                    "path": path,
                    "status": status or None,
                    "duration_ms": round(seconds * 1000, 3),
                    "api_key_id": scope.get("state", {}).get("api_key_id"),
                }
            )


class Cors(CORSMiddleware):
    """Starlette's CORS, with refusals in the shape of all errors."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers a preflight."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        headers = {name: response.headers[name] for name in ("vary",) if name in response.headers}
        return Problem(400, bytes(response.body).decode() + ".", headers=headers).response()


class Gzip(GZipMiddleware):
    """Starlette's compression, out of the way of who does not want it. That takes "gzip;q=0" for a wish."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        for name, value in scope.get("headers", ()):
            if name == b"accept-encoding" and accepts_gzip(value):
                await super().__call__(scope, receive, send)
                return
        await self.app(scope, receive, send)
