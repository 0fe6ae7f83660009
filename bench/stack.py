"""The service under test, in a directory: a cluster with the settings of `make run`, the schema, a server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.population import KeyRing, populate
from bench.processes import BenchError, CpuTime, cpu_time, program, run
from bench.scenarios import MOMENT_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv/bin/python"
API_ROLE = "phone_manager_api"
READY_SECONDS = 30
QUIET_POLLS = 3
POLL_SECONDS = 0.01


@dataclass
class Stack:
    """A running service."""

    name: str
    directory: Path
    owner: dict[str, str]
    """libpq's variables of the superuser."""
    api: dict[str, str]
    """libpq's variables of the server's role."""
    port: int
    server: int
    postmaster: int
    keys: KeyRing
    settings: Mapping[str, str]
    """What the server was configured with."""
    moment: int = 0
    """The first moment that no upload has used yet."""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def sql(self, query: str) -> str:
        """The result of a query, as superuser."""
        return sql(self.owner, query)

    def cpu_time(self) -> CpuTime:
        """The CPU time it took so far."""
        return cpu_time(self.server, self.postmaster)

    def memory(self, name: str) -> int:
        """The server's memory in bytes, by its name in /proc: VmRSS, VmHWM."""
        status = Path(f"/proc/{self.server}/status").read_text().splitlines()
        (line,) = (line for line in status if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def wal(self) -> int:
        """The bytes of the write-ahead log so far."""
        return int(self.sql("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def heap_only(self) -> float:
        """The share of the updates of devices that no index had to learn of (HOT)."""
        return float(
            self.sql(
                "select n_tup_hot_upd / greatest(n_tup_upd, 1.0) from pg_stat_user_tables where relname = 'devices'"
            )
        )

    def settle(self) -> None:
        """Waits until nothing is under way any more: requests that a load generator left, vacuums."""
        quiet = 0
        deadline = time.monotonic() + READY_SECONDS
        while quiet < QUIET_POLLS:
            busy = int(
                self.sql(
                    "select count(*) from pg_stat_activity where pid <> pg_backend_pid() and ("
                    "(backend_type = 'client backend' and state <> 'idle') or backend_type = 'autovacuum worker')"
                )
            )
            quiet = 0 if busy else quiet + 1
            if time.monotonic() > deadline:
                raise BenchError("The service does not come to rest.")
            time.sleep(0.02)

    def points_since(self, moment: int) -> int:
        """How many points of a moment or later are stored."""
        since = f"to_timestamp({moment * MOMENT_MS / 1000})"
        return int(self.sql(f"select count(*) from core.locations where captured_at >= {since}"))  # noqa: S608  a number

    def skip_used_moments(self) -> None:
        """Moves on to a moment after all that uploads have used."""
        used = self.sql("select floor(extract(epoch from max(last_captured_at)) * 1000)::bigint from core.devices")
        self.moment = max(self.moment, int(used) // MOMENT_MS + 1)


def sql(variables: Mapping[str, str], query: str) -> str:
    """The result of a query."""
    return run((program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"), variables, given=query).strip()


@contextmanager
def start(name: str, root: Path, directory: Path, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Runs the service of a source tree, with settings such as server__workers, and removes it at the end."""
    cluster = directory / "cluster"
    script = root / "scripts/cluster"
    with start_cluster(root, cluster) as owner:
        deploy(owner, root)
        run((script, "role", cluster, API_ROLE, "pm_api"))
        database_url = run((script, "url", cluster, API_ROLE)).strip()
        keys = populate(owner)
        port = free_port()
        settings = {"DATABASE__URL": database_url, **settings}
        with serve(root, directory, port, settings) as server:
            stack = Stack(
                name=name,
                directory=directory,
                owner=owner,
                api={**owner, "PGUSER": API_ROLE, "PGPASSWORD": database_url.split("@")[0].rpartition(":")[2]},
                port=port,
                server=server.pid,
                postmaster=int((cluster / "data/postmaster.pid").read_text().split()[0]),
                keys=keys,
                settings=settings,
            )
            _check_limits_count(stack)
            stack.skip_used_moments()
            yield stack


@contextmanager
def start_cluster(root: Path, cluster: Path, *, keep: bool = False) -> Iterator[dict[str, str]]:
    """Runs PostgreSQL; gives libpq's variables of its superuser. With keep, it stays where all went well."""
    done = False
    try:
        run((root / "scripts/cluster", "start", cluster))
        yield dict(line.split("=", 1) for line in (cluster / "env").read_text().splitlines())
        done = True
    finally:
        if not (done and keep):
            run((root / "scripts/cluster", "remove", cluster))


def deploy(owner: Mapping[str, str], root: Path) -> None:
    """Puts the schema of a source tree into a database."""
    run((program("bash"), "-c", ". scripts/lib/database.sh && deploy"), owner, root)


@contextmanager
def serve(root: Path, directory: Path, port: int, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the server, by default configured but for these settings. It ends with this process, whatever happens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PM__")}
    environment |= {f"PM__{name.upper()}": value for name, value in settings.items()}
    environment["PM__SERVER__PORT"] = str(port)
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (program("setpriv"), "--pdeathsig", "TERM", PYTHON, "-m", "app"),
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        try:
            until_ready(port, process)
        except BenchError as error:
            raise BenchError(f"{error} {log.read_text()[-2000:]}") from None
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until what this process serves on this port can be used."""
    deadline = time.monotonic() + READY_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError("The server does not start:")
        time.sleep(POLL_SECONDS)


def _is_ready(port: int) -> bool:
    try:
        return _get(port, "/api/health/ready", {}).status == HTTPStatus.OK
    except OSError:
        return False


def _check_limits_count(stack: Stack) -> None:
    """Without rate limits the figures would be too good."""
    answer = _get(stack.port, "/api/v1/devices?group_id=bench-000", {"X-API-Key": stack.keys.shared})
    if not answer.getheader("RateLimit-Limit"):
        raise BenchError("The server counts no requests against the limits of the keys.")


def _get(port: int, path: str, headers: Mapping[str, str]) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
