"""GET /metrics: what all workers counted, and what the database knows of groups and jobs, as Prometheus reads it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import secrets
import time
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response
from starlette.routing import Route

from app.errors import Problem
from app.metrics import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric
    from starlette.requests import Request

    from app.config import Config
    from app.database import Database

logger = logging.getLogger(__name__)

METRICS = "select api.metrics($1)"
FACTS_SECONDS = 5.0  # how long an answer of the database may be used
TIMEOUT_SECONDS = 2.0  # how long a scrape waits for one

WORKERS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
AUTHENTICATE = {"WWW-Authenticate": 'Basic realm="metrics", charset="UTF-8"'}


class Scrape:
    """Answers GET /metrics."""

    def __init__(self, database: Database, settings: Config) -> None:
        """Metrics of an instance with this database."""
        self._database = database
        self._groups = settings.server.metrics_max_groups
        self._credentials: bytes | None = None
        if settings.security.metrics_username is not None and settings.security.metrics_password is not None:
            password = settings.security.metrics_password.get_secret_value()
            self._credentials = f"{settings.security.metrics_username}:{password}".encode()
        self._facts: dict[str, Any] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._asked = float("-inf")
        self.routes = [Route("/metrics", self.metrics)]

    async def metrics(self, request: Request) -> Response:
        """All metrics. While the database does not answer, those that it knows are left out."""
        if not self._may(request.headers.get("authorization", "")):
            raise Problem(401, "Metrics need a user name and a password.", headers=AUTHENTICATE)
        if self._asking is None and time.monotonic() - self._asked >= FACTS_SECONDS:
            self._asking = asyncio.create_task(self._ask(), context=Context())  # of no single request
        if self._asking is not None:  # scrapes that come together wait for one answer
            await asyncio.wait((self._asking,), timeout=TIMEOUT_SECONDS)
        registry = CollectorRegistry()
        _register_counts(registry)
        if self._facts is not None:
            registry.register(DatabaseCollector(self._facts))
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _ask(self) -> None:
        self._asked = time.monotonic()
        facts = None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                row = await self._database.fetchrow(METRICS, self._groups)
            facts = orjson.loads(row[0])
        except TimeoutError:
            logger.warning("The database does not tell of groups and jobs in time")
        except Problem:
            pass  # the log has it already
        finally:
            self._facts = facts
            self._asking = None

    def _may(self, authorization: str) -> bool:
        """Whether the user name and password are right, or not asked for."""
        if self._credentials is None:
            return True
        scheme, _, given = authorization.partition(" ")
        try:
            credentials = base64.b64decode(given.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(credentials, self._credentials)


class DatabaseCollector:
    """What the database knows, see api.metrics(). Every instance tells the same: not to be added up."""

    def __init__(self, facts: dict[str, Any]) -> None:
        """Metrics of an answer of api.metrics()."""
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        groups = GaugeMetricFamily(
            "active_devices_count", "Active devices of the most recently active groups", labels=["group_id"]
        )
        for group in self._facts["groups"]:
            groups.add_metric([group["group_id"]], group["active_count"])
        yield groups

        duration = GaugeMetricFamily(
            "background_job_duration_seconds", "Time of the job's last run that succeeded", labels=["job_name"]
        )
        success = GaugeMetricFamily(
            "background_job_last_success_timestamp",
            "When the job last succeeded, in seconds since the epoch",
            labels=["job_name"],
        )
        deleted = CounterMetricFamily("locations_deleted_total", "Points that the job deleted", labels=["job"])
        for job in self._facts["jobs"]:
            for metric, fact in (
                (duration, job["duration_seconds"]),
                (success, job["last_success"]),
                (deleted, job["locations_deleted"]),
            ):
                if fact is not None:
                    metric.add_metric([job["job_name"]], fact)
        yield from (duration, success, deleted)


def _register_counts(registry: CollectorRegistry) -> None:
    directory = os.environ.get(WORKERS_DIRECTORY)
    if directory is None:
        registry.register(REGISTRY)
        return
    # What workers that are gone said of the present, such as their connections, is over; what they counted stays.
    for file in Path(directory).glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _lives(pid):
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or its id is somebody else's now
        return False
    return True
