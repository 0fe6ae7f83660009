"""Errors as the API answers them, and what each SQLSTATE becomes.

Functions of the database raise errors that clients may see as SQLSTATE PTxyz, where xyz is the HTTP status (the
convention of PostgREST): the message is for people, the DETAIL a JSON array of {field, message}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    import asyncpg

CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "idempotency_key_reused",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "service_unavailable",
}

MESSAGES = {
    400: "The request holds a value that cannot be read or stored.",
    404: "There is no such resource.",
    408: "The request took too long.",
    409: "The request conflicts with the present state.",
    500: "Internal error.",
    503: "The service is unavailable at the moment.",
}

# SQLSTATE or its class: the status, with the message above. PTxyz speaks for itself.
STATUSES = {
    "08": 503,  # connection exceptions
    "22": 400,  # data exceptions
    "23502": 400,  # not null
    "23503": 404,  # foreign key
    "23505": 409,  # unique
    "23514": 400,  # check
    "25006": 503,  # read-only: a server in recovery
    "40001": 503,  # serialization failure, after retries
    "40P01": 503,  # deadlock, after retries
    "53": 503,  # insufficient resources
    "54000": 400,  # JSON too large
    "54001": 400,  # JSON nested too deeply
    "57014": 408,  # query cancelled
    "57P0": 503,  # server shutting down or starting
}

RETRY_AFTER_UNAVAILABLE = 5


class Problem(Exception):
    """An error that is answered to the client."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        details: Any = None,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """An answer of this status; details is a list of {"field", "message"}, or such a list as JSON bytes."""
        super().__init__(status)
        self.status = status
        self.message = message or MESSAGES[status]
        self.details = details
        self.retry_after = retry_after
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer."""
        body: dict[str, Any] = {"error": CODES[self.status], "message": self.message}
        headers = dict(self.headers)
        if self.details:
            body["details"] = self.details
        if self.status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_UNAVAILABLE)
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
            headers["Retry-After"] = str(self.retry_after)
        return Response(orjson.dumps(body), self.status, headers, "application/json")


def field_problem(field: str, message: str) -> Problem:
    """A 400 for one field, header or parameter."""
    return Problem(400, "The request has invalid fields.", details=[{"field": field, "message": message}])


def from_postgres(error: asyncpg.PostgresError) -> Problem:
    """The answer to an error of the database."""
    sqlstate = error.sqlstate or ""
    if sqlstate.startswith("PT") and int(sqlstate[2:]) in CODES:
        details = orjson.Fragment(error.detail) if error.detail else None
        return Problem(int(sqlstate[2:]), error.message, details=details)
    if sqlstate.startswith("22P0") or sqlstate == "22021":
        return Problem(400, "The request is not valid JSON, or holds a character that cannot be stored.")
    for prefix in (sqlstate, sqlstate[:4], sqlstate[:2]):
        if prefix in STATUSES:
            return Problem(STATUSES[prefix])
    return Problem(500)
