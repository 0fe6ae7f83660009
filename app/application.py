"""Puts the application together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Match, Route

from app import api_docs, config, logs
from app.admission import Admissions
from app.database import Database
from app.endpoint import EndpointApp
from app.errors import Problem
from app.export import ExportApp
from app.health import Health
from app.middleware import Cors, Gzip, RequestContext
from app.places import Places
from app.replica import Replica
from app.routes import ENDPOINTS
from app.scrape import Scrape
from app.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

EXPOSED_HEADERS = (
    "Idempotent-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)


def create() -> Starlette:
    """The application of a worker, configured from its environment."""
    return build(config.load())


def build(settings: config.Config) -> Starlette:
    """The application with this configuration."""
    logs.configure(settings.logging.level, settings.logging.format)
    database = Database(settings)
    reads = database if settings.database.replica_url is None else Replica(database, settings)
    places = Places(settings.server.max_concurrent_requests)
    admissions = Admissions(database)
    shutdown = Shutdown(settings.server.drain_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.start()
        if reads is not database:
            await reads.start()
        shutdown.watch()
        yield
        if reads is not database:
            await reads.stop()
        await database.stop()

    middleware = [Middleware(RequestContext)]
    if settings.security.cors_origins:
        middleware.append(
            Middleware(
                Cors,
                allow_origins=settings.security.cors_origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("X-API-Key", "X-Request-ID", "Idempotency-Key"),
                expose_headers=EXPOSED_HEADERS,
            )
        )
    middleware.append(Middleware(Gzip, minimum_size=1024, compresslevel=5))

    app = Starlette(
        routes=[
            *(
                Route(
                    e.path,
                    (ExportApp if e.streamed else EndpointApp)(e, places, admissions, database, reads, settings),
                    methods=[e.method],
                )
                for e in ENDPOINTS
            ),
            *Health(database, shutdown).routes,
            *Scrape(database, settings).routes,
            *api_docs.routes(),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: _http_error, Problem: _problem},  # type: ignore[dict-item]  # narrower
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _http_error(request: Request, error: HTTPException) -> Response:
    """Answers what the router refuses: an unknown route, a wrong method."""
    messages = {404: "There is no such route.", 405: "This route does not have that method."}
    headers = dict(error.headers or {})
    if "Allow" in headers:  # the methods of one route; an address may have several
        matching = (r.methods for r in request.app.routes if r.matches(request.scope)[0] is not Match.NONE)
        headers["Allow"] = ", ".join(sorted(set().union(*matching)))
    return Problem(error.status_code, messages.get(error.status_code), headers=headers).response()


async def _problem(_: Request, error: Problem) -> Response:
    """Answers an error that an endpoint raised."""
    return error.response()
