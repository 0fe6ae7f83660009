"""What a process counts: its requests, its calls of the database, its connections, what it stored.

With several workers each counts into files of its own, see app/__main__.py, which are added up by app/scrape.py.
"""

from __future__ import annotations

import re
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

# Labels come from these and from the route table, never from what a client makes up.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "OTHER"
UNKNOWN_PATH = "unknown"

FUNCTION = re.compile(r"\b(?:api|jobs)\.(\w+)\(")

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()

REQUESTS = Counter("http_requests_total", "Requests answered", ("method", "path", "status"), registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from a request's headers to the end of its answer",
    ("method", "path"),
    buckets=BUCKETS,
    registry=REGISTRY,
)
QUERY_SECONDS = Histogram(
    "database_query_duration_seconds",
    "Time of a call of the database, by function, without the wait for a connection",
    ("query_type",),
    buckets=BUCKETS,
    registry=REGISTRY,
)
CONNECTIONS_ACTIVE = Gauge(
    "database_connections_active", "Connections in use", registry=REGISTRY, multiprocess_mode="livesum"
)
CONNECTIONS_IDLE = Gauge(
    "database_connections_idle", "Connections open and at rest", registry=REGISTRY, multiprocess_mode="livesum"
)

# What functions of the database count: see Endpoint.counter.
COUNTERS = {
    name: Counter(name, text, registry=REGISTRY)
    for name, text in (
        ("locations_uploaded_total", "Points stored; none twice"),
        ("devices_registered_total", "Devices registered for the first time"),
    )
}


def count(counter: str, number: int) -> None:
    """Counts what a transaction that is committed has made."""
    COUNTERS[counter].inc(number)


def answered(method: str, path: str | None, status: int, seconds: float) -> None:
    """Counts an answered request; path is the pattern of its route."""
    if method not in METHODS:
        method = OTHER_METHOD
    _requests(method, path, status).inc()
    _request_seconds(method, path).observe(seconds)


def refused(status: int) -> None:
    """Counts an answer to what is no request."""
    _requests(OTHER_METHOD, None, status).inc()


@cache
def query_seconds(statement: str) -> Histogram:
    """Where the time of a statement, a constant of the program, is counted: by the function that it calls."""
    function = FUNCTION.search(statement)
    return QUERY_SECONDS.labels(function[1] if function else "other")


# Looking up a series by its labels takes longer than counting.


@cache
def _requests(method: str, path: str | None, status: int) -> Counter:
    return REQUESTS.labels(method, path or UNKNOWN_PATH, str(status))


@cache
def _request_seconds(method: str, path: str | None) -> Histogram:
    return REQUEST_SECONDS.labels(method, path or UNKNOWN_PATH)
