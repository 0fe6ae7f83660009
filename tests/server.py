"""Servers as users run them: a process of python -m app on a port of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parent.parent
START_SECONDS = 30


class Server:
    """A running server."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        """The server of this process."""
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def log(self) -> str:
        """All it wrote so far."""
        return self._log.read_text()

    @property
    def log_lines(self) -> list[dict[str, object]]:
        """Its log, parsed."""
        return [orjson.loads(line) for line in self.log.splitlines()]

    @property
    def workers(self) -> list[int]:
        """The pids of its workers, where there are several."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]

    def client(self, api_key: str | None = None, **headers: str) -> httpx.AsyncClient:
        """An HTTP client with a key; for JSON."""
        if api_key is not None:
            headers["X-API-Key"] = api_key
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def until_ready(self) -> None:
        """Waits until it can answer requests."""
        async with self.client() as client, asyncio.timeout(START_SECONDS):
            while True:
                assert self.process.returncode is None, self.log
                try:
                    if (await client.get("/api/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(database_url: str, port: int, **settings: str) -> dict[str, str]:
    """The environment of a server: nothing of the caller's PM__… variables, quick to stop.

    Where PM_TEST_POOLED says {"from", "to", "settings"}, what would go to one place goes to a PgBouncer before it.
    """
    pooled = orjson.loads(os.environ.get("PM_TEST_POOLED", "null"))
    if pooled and database_url.endswith(pooled["from"]):
        database_url = database_url.replace(pooled["from"], pooled["to"])
        settings = pooled["settings"] | settings
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PM__")}
    return {
        **inherited,
        "PM__DATABASE__URL": database_url,
        "PM__DATABASE__MIN_CONNECTIONS": "1",
        "PM__SERVER__PORT": str(port),
        "PM__SERVER__DRAIN_SECONDS": "0",
        "PM__LOGGING__LEVEL": "debug",
        **{f"PM__{name.upper()}": value for name, value in settings.items()},
    }


@asynccontextmanager
async def serve(
    database_url: str, directory: Path, *, ready: bool = True, port: int | None = None, **settings: str
) -> AsyncIterator[Server]:
    """Runs a server; settings are named as server__workers="2". Ended by SIGKILL if it does not stop by itself."""
    port = port or free_port()
    log = directory / f"server-{port}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app",
            cwd=ROOT,
            env=environment(database_url, port, **settings),
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    server = Server(process, port, log)
    try:
        if ready:
            await server.until_ready()
        yield server
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
