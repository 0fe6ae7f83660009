"""Health: for people, for the probe that restarts a process, and for the one that sends it requests."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import __version__
from app.database import SCHEMA_VERSION
from app.errors import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from app.probe import Probe
    from app.shutdown import Shutdown

TIMEOUT_SECONDS = 2.0


class Health:
    """Answers below /api/health."""

    def __init__(self, probe: Probe, shutdown: Shutdown) -> None:
        """Health of an instance with a probe of its database."""
        self._probe = probe
        self._shutdown = shutdown
        self.routes = [
            Route("/api/health", self.health),
            Route("/api/health/live", self.live),
            Route("/api/health/ready", self.ready),
        ]

    async def health(self, _: Request) -> Response:
        """For people: version, and how long the database takes to answer."""
        started = time.perf_counter()
        try:
            await self._told()
            latency = round((time.perf_counter() - started) * 1000, 3)
        except Problem:
            latency = None
        connected = latency is not None
        body = {
            "status": "healthy" if connected else "unhealthy",
            "version": __version__,
            "database": {"connected": connected, "latency_ms": latency},
        }
        return Response(orjson.dumps(body), 200 if connected else 503, media_type="application/json")

    async def live(self, _: Request) -> Response:
        """200 while the process runs, whatever the database does."""
        return PlainTextResponse("OK")

    async def ready(self, _: Request) -> Response:
        """200 when requests can be answered; raises Problem 503."""
        if self._shutdown.begun:
            raise Problem(503, "The server is shutting down.")
        told = await self._told()
        if told["schema_version"] < SCHEMA_VERSION:
            raise Problem(503, f"The schema has version {told['schema_version']}, this API needs {SCHEMA_VERSION}.")
        if told.get("read_only"):
            raise Problem(503, "The database can only be read.")
        return PlainTextResponse("OK")

    async def _told(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._probe.health()
        except TimeoutError:
            raise Problem(503, "The database does not answer.") from None
        except Problem:
            raise Problem(503, "The database cannot be reached, or has no schema.") from None
