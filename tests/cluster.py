"""Databases of the throw-away cluster that `make test` starts: each test can have its own, cloned from a template."""

from __future__ import annotations

import os
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEMPLATE = "pm_template"
API_PASSWORD = "test"  # noqa: S105  the cluster lives for one test run, on a socket


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster made by scripts/cluster."""

    directory: Path
    environment: dict[str, str]

    @classmethod
    def at(cls, directory: str) -> Cluster:
        """The cluster in a directory."""
        lines = (Path(directory) / "env").read_text().splitlines()
        return cls(Path(directory), dict(line.split("=", 1) for line in lines))

    def url(self, database: str, role: str, password: str) -> str:
        """The URL of a database for a role."""
        host, port = self.environment["PGHOST"], self.environment["PGPORT"]
        return f"postgresql://{role}:{password}@/{database}?host={host}&port={port}"

    def owner_url(self, database: str) -> str:
        """The URL of a database for its superuser."""
        return self.url(database, self.environment["PGUSER"], self.environment["PGPASSWORD"])

    async def connect(self, database: str) -> asyncpg.Connection[asyncpg.Record]:
        """A superuser's session in a database."""
        return await asyncpg.connect(self.owner_url(database))

    async def create(self, database: str, template: str = TEMPLATE) -> None:
        """Makes a database from a template."""
        async with self.session("postgres") as admin:
            await admin.execute(f'create database "{database}" template "{template}"')

    async def drop(self, database: str) -> None:
        """Drops a database, ending its sessions."""
        async with self.session("postgres") as admin:
            await admin.execute(f'drop database if exists "{database}" with (force)')

    async def login_role(self, group: str) -> str:
        """The name of a login role that is a member of a group role; its password is API_PASSWORD."""
        role = f"{group}_login_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        async with self.session("postgres") as admin:
            if not await admin.fetchval("select exists (select from pg_roles where rolname = $1)", role):
                await admin.execute(f"create role {role} login password '{API_PASSWORD}' in role {group}")
        return role

    @asynccontextmanager
    async def session(self, database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A superuser's session in a database, closed at the end."""
        connection = await self.connect(database)
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class Database:
    """A database with the schema, of its own."""

    cluster: Cluster
    name: str
    api_url: str
    """For a login role that is a member of pm_api, as a server has it."""

    @property
    def owner_url(self) -> str:
        """For the superuser."""
        return self.cluster.owner_url(self.name)

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a query, as superuser."""
        async with self.cluster.session(self.name) as session:
            return list(await session.fetch(query, *arguments))

    async def value(self, query: str, *arguments: Any) -> Any:
        """The value of a query, as superuser."""
        async with self.cluster.session(self.name) as session:
            return await session.fetchval(query, *arguments)

    async def execute(self, script: str) -> None:
        """Runs statements as superuser."""
        async with self.cluster.session(self.name) as session:
            await session.execute(script)

    async def create_key(
        self, name: str = "test", *, admin: bool = False, rate_limit: int | None = 0, expires_in: str | None = None
    ) -> str:
        """A new API key; without a rate limit unless one is given (None: that of the settings)."""
        return str(
            await self.value(
                "select api_key from admin.create_api_key($1, $2, $3, now() + $4::text::interval)",
                name,
                admin,
                rate_limit,
                expires_in,
            )
        )

    async def call(self, function: str, request: Any, context: Any = None) -> Any:
        """Calls a function of schema api with JSON, as superuser."""
        arguments = [orjson.dumps(argument).decode() for argument in (request, context) if argument is not None]
        places = ", ".join(f"${position}::jsonb" for position in range(1, len(arguments) + 1))
        row = await self.fetch(f"select * from api.{function}({places})", *arguments)
        answer = row[0][0]
        return None if answer is None else orjson.loads(answer)


@asynccontextmanager
async def clone(cluster: Cluster) -> AsyncIterator[Database]:
    """A database cloned from the template, dropped at the end."""
    name = f"pm_test_{uuid.uuid4().hex[:16]}"
    role = await cluster.login_role("pm_api")
    await cluster.create(name)
    try:
        yield Database(cluster, name, cluster.url(name, role, API_PASSWORD))
    finally:
        await cluster.drop(name)
