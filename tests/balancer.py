"""Instances of the API behind HAProxy with the configuration that is shipped."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.server import ROOT, Server, free_port, serve
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

PROGRAM = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin:{ROOT}/.dev/tools")
PEER = "127.0.0.1"
INSTANCES = 3


@dataclass
class Balancer:
    """A balancer, and the instances behind it."""

    port: int
    database_url: str
    directory: Path
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(INSTANCES)])
    instances: list[Server] = field(default_factory=list)

    def client(self, api_key: str | None = None, **headers: str) -> httpx.AsyncClient:
        """An HTTP client with a key, as of a server."""
        if api_key is not None:
            headers["X-API-Key"] = api_key
        return httpx.AsyncClient(base_url=f"http://{PEER}:{self.port}", headers=headers, timeout=60)

    def instance(self, number: int, drain_seconds: int = 0) -> AbstractAsyncContextManager[Server]:
        """Runs an instance that trusts the balancer."""
        return serve(
            self.database_url,
            self.directory,
            port=self.ports[number],
            security__trusted_proxies=f'["{PEER}"]',
            server__drain_seconds=str(drain_seconds),
        )


@asynccontextmanager
async def balanced(database_url: str, directory: Path) -> AsyncIterator[Balancer]:
    """Runs a balancer without instances; they are the caller's to run."""
    if PROGRAM is None:
        pytest.skip("haproxy is missing: scripts/prepare test fetches it on Debian")
    balancer = Balancer(free_port(), database_url, directory)
    places = {f"PM_INSTANCE_{number}": f"{PEER}:{port}" for number, port in enumerate(balancer.ports, 1)}
    log = directory / "haproxy.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "-db", "-f", str(ROOT / "ops/haproxy.cfg")),
            env={**os.environ, **places, "PM_BALANCER_BIND": f"{PEER}:{balancer.port}"},
            stderr=output,
        )

    async def listens() -> bool:
        assert process.returncode is None, log.read_text()
        try:
            _, writer = await asyncio.open_connection(PEER, balancer.port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until("the balancer", listens)
        yield balancer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_all_serve(balancer: Balancer) -> None:
    """Waits until the balancer sends requests to every instance."""

    mark = str(uuid.uuid4())

    async def serve_all() -> bool:
        async with balancer.client(**{"X-Request-ID": mark}) as client:
            await asyncio.gather(*(client.get("/api/health/live") for _ in range(12)))
        return all(mark in instance.log for instance in balancer.instances)

    await until("requests to each instance", serve_all)
