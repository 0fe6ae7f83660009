"""A cluster of a module's own with the schema in it, to crash and to fill. It writes to the disk as a real one does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.cluster import TEMPLATE
from tests.own_cluster import OwnCluster, operate, own_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

INSTALL = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "sql/install.sql")
SAFE = "alter system set fsync = on; alter system set full_page_writes = on; select pg_reload_conf()"


@asynccontextmanager
async def installed_cluster(directory: Path) -> AsyncIterator[OwnCluster]:
    """Makes a cluster with the template that databases are cloned from, and removes it at the end."""
    async with own_cluster(directory) as cluster:
        await cluster.create(TEMPLATE, "template0")
        (await operate(cluster, TEMPLATE, *INSTALL)).succeeded()
        async with cluster.session("postgres") as session:
            for statement in SAFE.split(";"):
                await session.execute(statement)
        yield cluster
