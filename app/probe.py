"""A connection beside the pool: all of the pool's may wait for one lock, in a database that is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from app.database import Database
from app.errors import Problem

if TYPE_CHECKING:
    from app import config


class Probe(Database):
    """Asks the database how it is, for the pool that requests use. Its connection is made when it is first needed."""

    application_name = "phone-manager probe"

    def __init__(self, requests: Database, settings: config.Config) -> None:
        """A probe of the database of this pool."""
        super().__init__(settings)
        self._requests = requests

    async def start(self) -> None:
        """Gets ready, without a connection yet."""
        self._pool = self._new_pool(0, 1)
        await self._pool

    async def health(self) -> dict[str, Any]:
        """What api.health() tells; raises Problem, also while the pool for requests is not open."""
        if not self._requests.is_open:
            raise Problem(503)
        row = await self.fetchrow("select api.health()")
        health: dict[str, Any] = orjson.loads(row[0])
        if health.get("read_only"):  # another server may be the one to write to by now
            await self.renew()
            await self._requests.renew()
        return health
