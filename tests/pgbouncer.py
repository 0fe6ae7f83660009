"""A PgBouncer in transaction mode, in front of the throw-away cluster."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.own_cluster import run
from tests.server import ROOT, free_port
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Cluster

# Where Debian puts it, an ordinary user does not look.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or "pgbouncer"

# For version 1.21 and later ones only.
PREPARED_STATEMENTS = "max_prepared_statements"


async def documented_settings() -> str:
    """The settings that docs/scaling.md gives for pgbouncer.ini."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    settings = text.split("\n[pgbouncer]\n")[1].split("```")[0]
    if await keeps_prepared_statements():
        return settings
    return "".join(line for line in settings.splitlines(keepends=True) if not line.startswith(PREPARED_STATEMENTS))


async def keeps_prepared_statements() -> bool:
    """Whether the PgBouncer of this machine, as those from 1.21 on, knows prepared statements in transaction mode."""
    version = (await run(PROGRAM, "-V")).succeeded()
    found = re.search(r"PgBouncer (\d+)\.(\d+)", version)
    assert found, version
    return (int(found[1]), int(found[2])) >= (1, 21)


@asynccontextmanager
async def pgbouncer(cluster: Cluster, roles: dict[str, str], *settings: str) -> AsyncIterator[str]:
    """Runs one for these roles and their passwords; gives its host and port, as in a URL's query."""
    with tempfile.TemporaryDirectory(dir=cluster.directory.parent) as name:
        directory = Path(name)
        port = free_port()
        (directory / "users.txt").write_text("".join(f'"{role}" "{word}"\n' for role, word in roles.items()))
        (directory / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={cluster.environment['PGHOST']} port={cluster.environment['PGPORT']}\n"
            f"[pgbouncer]\n{await documented_settings()}"
            f"listen_port = {port}\nauth_file = {directory}/users.txt\nunix_socket_dir =\nlogfile = {directory}/log\n"
            + "".join(f"{line}\n" for line in settings)
        )
        user = cluster.directory.owner()  # who may open the cluster's socket; PgBouncer does not run as root
        become = ("-u", user) if os.geteuid() == 0 else ()
        if become:
            for path in (directory, directory / "users.txt", directory / "pgbouncer.ini"):
                shutil.chown(path, user)
        process = await asyncio.create_subprocess_exec(PROGRAM, "-q", *become, str(directory / "pgbouncer.ini"))

        async def listens() -> bool:
            assert process.returncode is None, (directory / "log").read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        try:
            await until("PgBouncer", listens)
            yield f"host=127.0.0.1&port={port}"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
