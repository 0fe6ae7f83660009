"""Fixtures: the cluster, a database for a test, a server and its clients for a module."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.cluster import Cluster, Database, clone
from tests.server import Server, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes long."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The throw-away cluster of this run."""
    directory = os.environ.get("PM_TEST_CLUSTER")
    if directory is None:
        pytest.fail("There is no cluster: run the tests with make test-py ARGS='…'", pytrace=False)
    return Cluster.at(directory)


@pytest_asyncio.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    """A database of the test's own."""
    async with clone(cluster) as cloned:
        yield cloned


@pytest_asyncio.fixture(scope="module")
async def module_database(cluster: Cluster) -> AsyncIterator[Database]:
    """A database that the tests of a module share; each uses devices and groups of its own."""
    async with clone(cluster) as cloned:
        yield cloned


@pytest_asyncio.fixture(scope="module")
async def server(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that the tests of a module share."""
    async with serve(module_database.api_url, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def api(server: Server, module_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server with a key without a rate limit."""
    async with server.client(await module_database.create_key()) as client:
        yield client


@pytest.fixture
def group() -> str:
    """A group nobody else uses."""
    return f"group-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def device_id() -> str:
    """A device nobody else uses."""
    return str(uuid.uuid4())


@pytest_asyncio.fixture
async def device(api: httpx.AsyncClient, device_id: str, group: str) -> str:
    """A registered device."""
    answer = await api.post("/api/v1/devices/register", json=registration(device_id, group))
    assert answer.status_code == 200, answer.text
    return device_id


def now_ms() -> int:
    """The present in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def registration(device_id: str, group: str, **fields: Any) -> dict[str, Any]:
    """A good registration; fields replace or add."""
    return {"device_id": device_id, "display_name": "Phone", "group_id": group, **fields}


def point(timestamp: int | None = None, **fields: Any) -> dict[str, Any]:
    """A good point, by default of now; fields replace or add."""
    return {
        "timestamp": now_ms() if timestamp is None else timestamp,
        "latitude": 45.27,
        "longitude": 13.71,
        "accuracy": 5.5,
        **fields,
    }
