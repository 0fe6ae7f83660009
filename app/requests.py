"""What a request must look like before the database sees it: its headers, and its body within bounds."""

from __future__ import annotations

import re
from email.message import Message
from hashlib import sha256
from typing import TYPE_CHECKING

from app.errors import Problem, field_problem

if TYPE_CHECKING:
    from starlette.types import Receive

Headers = dict[bytes, bytes]

IDEMPOTENCY_KEY = re.compile(rb"[\x20-\x7e]{1,255}")


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


def idempotency_key(headers: Headers) -> str | None:
    """The SHA-256 of the Idempotency-Key in hexadecimal; nothing behind this sees the key itself."""
    key = headers.get(b"idempotency-key")
    if key is None:
        return None
    if IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise field_problem("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    return sha256(key).hexdigest()


def check_body_headers(headers: Headers, maximum: int) -> None:
    """Refuses a body that is announced as too long, or as something other than JSON. Raises Problem: 413, 415."""
    length = int(headers.get(b"content-length", b"0"))
    if length > maximum:
        raise too_large(maximum)
    if (length > 0 or b"transfer-encoding" in headers) and not _is_json(headers.get(b"content-type", b"")):
        raise Problem(415, "The body must have Content-Type: application/json.")


async def read_body(receive: Receive, maximum: int) -> bytes:
    """Reads the body, no more of it than the maximum. Raises Problem: 413."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > maximum:
            raise too_large(maximum)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def too_large(maximum: int) -> Problem:
    """The answer to a body over the maximum, in bytes."""
    return Problem(413, f"The body is larger than {maximum} bytes.")


def _is_json(content_type: bytes) -> bool:
    if content_type == b"application/json":
        return True
    header = Message()
    header["Content-Type"] = content_type.decode("latin-1")
    charset = header.get_content_charset("utf-8")
    return header.get_content_type() == "application/json" and charset in ("utf-8", "utf8", "us-ascii")
