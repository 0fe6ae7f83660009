"""A database as Supabase gives it: its role is no superuser, pg_cron is there, and much belongs to others.

It has what Supabase's documentation describes: a role with its rights, search_path and statement_timeout, a schema of
extensions, the roles of its own REST layer with default rights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.cluster import API_PASSWORD
from tests.conftest import point, registration
from tests.own_cluster import OwnCluster, operate, own_cluster, sqitch
from tests.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

NAME = "phone_manager"  # the database that pg_cron of this cluster works in; Supabase's is called postgres
LOGIN = {"PGUSER": "project", "PGPASSWORD": API_PASSWORD}
PROJECT = f"""
    create role anon nologin;
    create role authenticated nologin;
    create role service_role nologin bypassrls;
    create role authenticator login noinherit password '{API_PASSWORD}';
    create role project login createrole createdb replication bypassrls password '{API_PASSWORD}';
    grant anon, authenticated, service_role to project, authenticator;
    alter role project set search_path = "$user", public, extensions;
    alter role project set statement_timeout = '2min';
    alter database {NAME} owner to project;
    grant all on schema public to project, anon, authenticated, service_role;
    alter default privileges for role project in schema public
    grant all on tables to anon, authenticated, service_role;
    alter default privileges for role project in schema public
    grant all on functions to anon, authenticated, service_role;
    create schema extensions;
    grant usage on schema extensions to project, anon, authenticated, service_role;
    create extension pgcrypto schema extensions;
    grant usage on schema cron to project;
    grant all on all tables in schema cron to project;
"""
# As docs/supabase.md tells.
LOGINS = f"""
    create role phone_manager_api login password '{API_PASSWORD}' in role pm_api;
    create role phone_manager_operator login password '{API_PASSWORD}' in role pm_admin
"""
OWNERS = """
    select array_agg(distinct p.proowner::regrole::text)
    from pg_proc p
    where p.pronamespace in (select n.oid from pg_namespace n where n.nspname in ('core', 'api', 'admin', 'jobs'))
"""
OTHERS = """
    select r.name || ' ' || n.nspname
    from unnest(array['anon', 'authenticated', 'service_role', 'authenticator']) r(name)
    cross join pg_namespace n
    where n.nspname in ('core', 'api', 'admin', 'jobs') and has_schema_privilege(r.name, n.oid, 'usage')
"""


@pytest_asyncio.fixture(scope="module")
async def project(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster with such a database, the schema deployed by its role."""
    async with own_cluster(tmp_path_factory.mktemp("supabase") / "cluster") as cluster:
        async with cluster.session(NAME) as session:
            await session.execute(PROJECT)
        (await sqitch(cluster, NAME, "deploy", "--verify", **LOGIN)).succeeded()
        (await operate(cluster, NAME, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", LOGINS, **LOGIN)).succeeded()
        yield cluster


async def test_what_was_deployed_is_right_and_owned_by_no_superuser(project: OwnCluster) -> None:
    assert "Verify successful" in (await sqitch(project, NAME, "verify", **LOGIN)).succeeded()
    async with project.session(NAME) as session:
        assert await session.fetchval("select count(*) from cron.job where username = 'project' and active") == 7
        assert await session.fetch(OTHERS) == []
        assert await session.fetchval(OWNERS) == ["pm_owner"]


async def test_the_service_works_there(project: OwnCluster, tmp_path: Path, device_id: str, group: str) -> None:
    psql = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c")
    operator = {"PGUSER": "phone_manager_operator", "PGPASSWORD": API_PASSWORD}
    made = "select api_key from admin.create_api_key('phones', p_is_admin => true)"
    key = (await operate(project, NAME, *psql, made, **operator)).succeeded().strip()

    url = project.url(NAME, "phone_manager_api", API_PASSWORD)
    async with serve(url, tmp_path) as server, server.client(key) as phone:
        answer = await phone.post("/api/v1/devices/register", json=registration(device_id, group))
        assert answer.status_code == 200, answer.text
        answer = await phone.post("/api/v1/locations", json={"device_id": device_id, **point()})
        assert answer.json() == {"success": True, "processed_count": 1}
        batch = {"device_id": device_id, "locations": [point(), point()]}
        assert (await phone.post("/api/v1/locations/batch", json=batch)).status_code == 200
        (listed,) = (await phone.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
        assert listed["last_location"]["latitude"] == point()["latitude"]
        exported = (await phone.get(f"/api/v1/devices/{device_id}/data-export")).json()
        assert exported["location_count"] >= 2
        assert (await phone.delete(f"/api/v1/devices/{device_id}/data")).status_code == 204
        assert (await phone.delete("/api/v1/admin/devices/inactive?older_than_days=1")).status_code == 200
        assert (await phone.get("/metrics")).status_code == 200


async def test_each_job_runs_as_the_role_that_scheduled_it(project: OwnCluster) -> None:
    async with project.session(NAME) as session:
        commands = [row["command"] for row in await session.fetch("select command from cron.job")]
    for command in commands:
        (await operate(project, NAME, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", command, **LOGIN)).succeeded()
    async with project.session(NAME) as session:
        succeeded = "select count(*) from core.job_runs where error is null and ended_at is not null"
        assert await session.fetchval(succeeded) == 6


async def test_everything_goes_again(project: OwnCluster) -> None:
    drop = "drop role phone_manager_api, phone_manager_operator"
    (await operate(project, NAME, "psql", "-Xqc", drop, **LOGIN)).succeeded()
    (await sqitch(project, NAME, "revert", "-y", **LOGIN)).succeeded()
    async with project.session(NAME) as session:
        assert await session.fetchval("select count(*) from cron.job") == 0
        assert await session.fetchval("select count(*) from pg_roles where rolname like 'pm\\_%'") == 0
