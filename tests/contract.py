"""What every answer of the API has: the same headers, and errors of one shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

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

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "1; mode=block",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def check_headers(answer: httpx.Response) -> None:
    """An answer has each header of all answers, once."""
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value], name
    (request_id,) = answer.headers.get_list("X-Request-ID")
    assert REQUEST_ID.fullmatch(request_id)
    assert "server" not in answer.headers


def check_problem(
    answer: httpx.Response, status: int, *, message: str | None = None, fields: list[str] | None = None
) -> dict[str, Any]:
    """An answer is this error, in the one shape of all; fields are exactly those that its details name.

    Without fields there are no details. Returns the body.
    """
    assert answer.status_code == status, answer.text
    body = check_any_problem(answer)
    if message is not None:
        assert body["message"] == message
    assert [entry["field"] for entry in body.get("details", [])] == (fields or [])
    return body


def check_any_problem(answer: httpx.Response) -> dict[str, Any]:
    """An answer is some error, in the one shape of all. Returns the body."""
    check_headers(answer)
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert isinstance(body, dict)
    assert body["error"] == CODES[answer.status_code]
    assert isinstance(body["message"], str)
    assert re.fullmatch(r"[A-Z].*[.)]", body["message"]), "a sentence"
    allowed = {"error", "message"}
    if "details" in body:
        allowed.add("details")
        assert body["details"]
        for entry in body["details"]:
            assert set(entry) == {"field", "message"}
            assert entry["field"]
            assert entry["message"]
        assert len({entry["field"] for entry in body["details"]}) == len(body["details"]), "a field is named once"
    if answer.status_code == 429:
        allowed.add("retry_after")
        assert answer.headers["Retry-After"] == str(body["retry_after"])
        assert body["retry_after"] > 0
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
    assert set(body) == allowed
    return body
