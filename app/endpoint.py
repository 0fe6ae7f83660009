"""The way of a request: admission, body, one function of the database, answer."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson
from starlette.responses import Response

from app import logs, metrics
from app.admission import well_formed
from app.errors import Problem, field_problem
from app.places import CrowdedError
from app.requests import ClientGoneError, Headers, check_body_headers, idempotency_key, read_body
from app.together import Together

if TYPE_CHECKING:
    from asyncpg import Record
    from starlette.types import Receive, Scope, Send

    from app.admission import Admissions
    from app.config import Config
    from app.database import Database
    from app.places import Places
    from app.routes import Endpoint


class EndpointApp:
    """Answers one endpoint of the route table."""

    def __init__(
        self,
        endpoint: Endpoint,
        places: Places,
        admissions: Admissions,
        database: Database,
        reads: Database,
        settings: Config,
    ) -> None:
        """An ASGI application for this endpoint; what may come from a replica is asked of reads."""
        self._endpoint = endpoint
        self._places = places
        self._statement = endpoint.statement
        self._admissions = admissions
        self._database = database
        self._reads = reads if endpoint.replica else database
        self._settings = settings
        self._timeout = settings.server.request_timeout_seconds
        self._max_body = settings.server.max_body_bytes
        self._together = Together(self._reads, endpoint, self._timeout) if endpoint.together else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request. Leaving the time limit cancels the statement in PostgreSQL, too."""
        extra_headers: dict[str, str] = {}
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._answer(scope, receive, extra_headers)
        except Problem as problem:
            response = problem.response()
            if isinstance(problem, CrowdedError):
                scope["state"]["rest"]()
        except TimeoutError:
            response = Problem(408).response()
        except ClientGoneError:
            return
        response.raw_headers.extend((name.lower().encode(), value.encode()) for name, value in extra_headers.items())
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, extra_headers: dict[str, str]) -> Response:
        headers: Headers = dict(scope["headers"])
        api_key = well_formed(headers.get(b"x-api-key"))  # at no cost, so before there must be a place
        with self._places:
            admission = await self._admissions.admit(api_key, self._endpoint.limit_class)
        scope["state"]["api_key_id"] = admission.api_key_id
        extra_headers.update(admission.headers)

        check_body_headers(headers, self._max_body)
        body = await read_body(receive, self._max_body)  # of any request: one whose body is bad must do nothing
        request = body if self._endpoint.has_body else self._parameters(scope)
        if not request:
            raise Problem(400, "The request needs a body.")

        key = idempotency_key(headers) if self._endpoint.idempotent else None
        with self._places:  # a new one: who is slow with a body has none meanwhile
            if self._together is not None and key is None:
                row = await self._together.ask(request)
                if row is not None:
                    return self._response(row)
            return await self._call(request, self._context(scope, key))

    async def _call(self, request: bytes, context: bytes | None) -> Response:
        """Calls the function."""
        row = await self._reads.fetchrow(self._statement, *((request,) if context is None else (request, context)))
        response = self._response(row)
        if self._endpoint.idempotent and row["replayed"]:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    def _response(self, row: Record) -> Response:
        if self._endpoint.counter is not None:
            metrics.count(self._endpoint.counter, row["counted"])
        answer = row["answer"]
        return Response(status_code=204) if answer is None else Response(answer, media_type="application/json")

    def _context(self, scope: Scope, key: str | None) -> bytes | None:
        """What the function needs to know beside the request, as JSON."""
        context = {"api_key_id": scope["state"]["api_key_id"]}
        if self._endpoint.idempotent:
            return orjson.dumps({**context, "idempotency_key": key})
        if self._endpoint.audited:
            return orjson.dumps({**context, "ip_address": _client_address(scope), "request_id": logs.request_id.get()})
        return None

    def _parameters(self, scope: Scope) -> bytes:
        """The parameters of path and query as a JSON object."""
        request = dict(scope["path_params"])
        if self._endpoint.query:
            given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            request.update((name, given[name][-1]) for name in self._endpoint.query if name in given)
        for name, value in request.items():
            if "\0" in value:
                raise field_problem(name, "must not hold a NUL character")
        return orjson.dumps(request)


def _client_address(scope: Scope) -> str | None:
    """The client's address; none where there is no IP address, which must not stop an erasure."""
    try:
        address = ip_address(scope["client"][0].partition("%")[0])  # an inet has no zone
        return str(getattr(address, "ipv4_mapped", None) or address)
    except (TypeError, ValueError):
        return None
