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
from app.probe import Probe
from app.replica import Replica
from app.routes import ENDPOINTS
from app.scrape import Scrape
from app.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from app.routes import Endpoint

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
    probe = Probe(database, settings)
    places = Places(settings.server.max_concurrent_requests)
    admissions = Admissions(database)
    shutdown = Shutdown(settings.server.drain_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.start()
        await probe.start()
        if reads is not database:
            await reads.start()
        shutdown.watch()
        yield
        await probe.stop()
        if reads is not database:
            await reads.stop()
        await database.stop()

    def with_cors(app: ASGIApp) -> ASGIApp:
        if not settings.security.cors_origins:
            return app
        return Cors(
            app,
            allow_origins=settings.security.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("X-API-Key", "X-Request-ID", "Idempotency-Key"),
            expose_headers=EXPOSED_HEADERS,
        )

    app = Starlette(
        routes=[
            *(
                _route(e, (ExportApp if e.streamed else EndpointApp)(e, places, admissions, database, reads, settings))
                for e in ENDPOINTS
            ),
            *Health(probe, shutdown).routes,
            *Scrape(database, settings).routes,
            *api_docs.routes(),
        ],
        middleware=[Middleware(RequestContext, with_cors), Middleware(Gzip, minimum_size=1024, compresslevel=5)],
        exception_handlers={HTTPException: _http_error, Problem: _problem},  # type: ignore[dict-item]  # narrower
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _route(endpoint: Endpoint, app: EndpointApp) -> Route:
    """The route of an endpoint. Starlette lets HEAD be GET, also where that would audit what then is not sent."""
    route = Route(endpoint.path, app, methods=[endpoint.method])
    if endpoint.audited:
        route.methods = {endpoint.method}
    return route


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
