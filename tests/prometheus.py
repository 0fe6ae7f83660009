"""A real Prometheus that scrapes a server of a test's own."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openapi_spec_validator.readers import read_from_filename

from tests.server import ROOT, free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OPS = ROOT / "ops" / "prometheus"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not there: scripts/prepare test fetches them (Debian: package prometheus)",
)


def read_yaml(path: Path) -> dict[str, Any]:
    """A file as data; nothing in it is shared, so that a test may change its own."""
    found: dict[str, Any] = json.loads(json.dumps(read_from_filename(str(path))[0]))
    return found


async def ask(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """The samples of a query, now."""
    answer = await client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, f"{query}: {answer.text}"
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


@asynccontextmanager
async def prometheus(directory: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Runs one by the project's configuration, but each second, and with the server of this port for a target."""
    settings = read_yaml(OPS / "prometheus.yml")
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(OPS / name) for name in settings["rule_files"]]
    (job,) = settings["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    (directory / "prometheus.yml").write_text(json.dumps(settings))
    own_port = free_port()
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus", f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{own_port}",
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{own_port}", timeout=30) as client:

            async def ready() -> bool:
                assert process.returncode is None, (directory / "prometheus.log").read_text()
                try:
                    return (await client.get("/-/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until("a Prometheus that is ready", ready)
            yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
