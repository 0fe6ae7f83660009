"""Logs: one JSON object a line, or lines for people. Never keys, tokens, coordinates or passwords."""

from __future__ import annotations

import contextlib
import datetime
import logging
import re
import sys
import time
from contextvars import ContextVar
from typing import Any

import orjson

# What a log record may carry beside its message; everything else that libraries attach is left out.
FIELDS = ("request_id", "method", "path", "status", "duration_ms", "api_key_id", "sqlstate", "context")

# The request that is being served: every line that it causes carries its id.
request_id: ContextVar[str] = ContextVar("request_id")

_access = logging.getLogger("app.access")


def configure(level: str, style: str) -> None:
    """Sends all logs of the process to standard error in the given style, "json" or "pretty"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else PrettyFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def access(fields: dict[str, Any]) -> None:
    """Logs an answered request.

    There is one such line a request, so JSON is written here: making and passing on a record takes four times as long.
    """
    if not _access.isEnabledFor(logging.INFO):
        return
    handler = logging.getLogger().handlers[0]
    if not isinstance(handler, logging.StreamHandler) or not isinstance(handler.formatter, JsonFormatter):
        _access.info("request", extra=fields)
        return
    line = {
        "timestamp": _timestamp(time.time()),
        "level": "info",
        "target": "app.access",
        "message": "request",
        **fields,
    }
    with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more; that must not stop an answer
        handler.stream.write(orjson.dumps(line).decode() + "\n")
        handler.stream.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record."""
        line: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname.lower(),
            "target": record.name,
            "message": _message(record),
        }
        line.update(_fields(record))
        if record.exc_info:
            line["exception"] = _traceback(record)
        return orjson.dumps(line, default=str).decode()


class PrettyFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_timestamp(record.created)} {record.levelname:<7} {record.name}: {_message(record)} {fields}".rstrip()
        return f"{line}\n{_traceback(record)}" if record.exc_info else line


def _message(record: logging.LogRecord) -> str:
    """The message. The event loop quotes tasks, callbacks and exceptions in its own, and so what they were given."""
    message = record.getMessage()
    return re.split(r"[<(\n]", message, maxsplit=1)[0].rstrip() if record.name == "asyncio" else message


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
    identity = request_id.get(None)
    return fields if identity is None else {"request_id": identity, **fields}


def _timestamp(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(record: logging.LogRecord) -> str:
    """The places of a traceback and the exceptions' types. Their texts may quote a request."""
    places: list[str] = []
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}")
            trace = trace.tb_next
        places.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return "\n".join(places)
