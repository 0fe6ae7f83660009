"""sqitch as a DBA uses it, in a cluster of its own: to an empty database, back to nothing, and once more."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.cluster import API_PASSWORD
from tests.own_cluster import OwnCluster, operate, own_cluster, sqitch
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


pytestmark = pytest.mark.slow

WITH_CRON = "phone_manager"
INSTALL = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "sql/install.sql")
WARNING = "WARNING:  pg_cron is not installed in this database: nothing runs the jobs."
HINT = "HINT:  Install it and run deploy/job_schedule.sql with psql, or have another scheduler call"
# Two deployments with one clock make the same partitions.
STOPPED_CLOCK = {"PGOPTIONS": f"-c pm.test_now={datetime.datetime.now(datetime.UTC).isoformat()}"}
OTHER_CLOCK = {"PGOPTIONS": "-c pm.test_now=2030-06-15T12:00:00Z"}

# What a dump does not show, and what belongs to the whole cluster.
SURROUNDINGS = {
    "roles": "select rolname from pg_roles",
    "members": "select roleid::regrole::text, member::regrole::text from pg_auth_members",
    "schemas": "select nspname from pg_namespace where nspname <> 'sqitch' and nspname !~ '^pg_(toast_)?temp'",
    "default rights": "select * from pg_default_acl",
    "role settings": "select * from pg_db_role_setting",
    "casts": "select castsource::regtype::text, casttarget::regtype::text from pg_cast where oid >= 16384",
    "types": "select typname from pg_type where oid >= 16384 and typnamespace::regnamespace::text !~ 'sqitch|cron'",
    "shared dependencies": "select refclassid, refobjid from pg_shdepend where deptype <> 'o'",
    "database rights": """
        select acl::text from pg_database, unnest(coalesce(datacl, acldefault('d', datdba))) acl
        where datname = current_database()
    """,
}
EXAMPLES = """
    select admin.create_api_key('test');
    insert into core.devices (device_id, display_name, group_id)
    select gen_random_uuid(), 'Phone', 'group' from generate_series(1, 3);
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select device_id, now() - make_interval(days => n), 45, 13, 5 from core.devices, generate_series(-20, 40) n;
    select * from api.admit((select key_hash from core.api_keys));
    refresh materialized view core.group_member_counts;
"""


@pytest_asyncio.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnCluster]:
    """A cluster without a trace of the project, except an empty database that has pg_cron."""
    async with own_cluster(tmp_path_factory.mktemp("migrations") / "cluster") as cluster:
        yield cluster


async def dump(cluster: OwnCluster, database: str) -> list[str]:
    """The schema of a database, what sqitch keeps for itself aside; without comments and blank lines of the dump."""
    output = (await operate(cluster, database, "pg_dump", "-s", "-N", "sqitch")).succeeded()
    return [line for line in output.splitlines() if line and not line.startswith(("--", "\\restrict", "\\unrestrict"))]


async def surroundings(cluster: OwnCluster, database: str) -> dict[str, list[str]]:
    """What else a deployment may leave behind."""
    async with cluster.session(database) as session:
        return {name: sorted(str(tuple(row)) for row in await session.fetch(q)) for name, q in SURROUNDINGS.items()}


async def drop(cluster: OwnCluster, *databases: str) -> None:
    """Drops databases, and the roles that only they needed."""
    for database in databases:
        await cluster.drop(database)
    async with cluster.session("postgres") as session:
        await session.execute("drop role if exists pm_owner, pm_api, pm_admin, pm_monitor")


async def test_the_declared_state_and_the_migrations_give_the_same(own: OwnCluster) -> None:
    for database in ("declared", "migrated"):
        await own.create(database, "template0")
    (await operate(own, "declared", *INSTALL, **OTHER_CLOCK)).succeeded()
    (await sqitch(own, "migrated", "deploy", "--no-verify", **OTHER_CLOCK)).succeeded()
    declared = await dump(own, "declared")
    assert declared == await dump(own, "migrated")
    assert sum("PARTITION OF" in line or "ATTACH PARTITION" in line for line in declared) >= 39
    assert "CREATE TABLE core.locations_20300516 (" in declared
    around = [await surroundings(own, database) for database in ("declared", "migrated")]
    assert around[0] == around[1]
    await drop(own, "declared", "migrated")


async def test_two_databases_are_deployed_at_once(own: OwnCluster) -> None:
    """Roles belong to the cluster: both wait for a third that makes them too, and that changes its mind."""
    databases = ("first", "second")
    for database in databases:
        await own.create(database, "template0")
    async with own.session("postgres") as watch, own.session("postgres") as third, asyncio.TaskGroup() as tasks:
        await third.execute("begin")
        await third.execute("create role pm_owner")
        deployments = [tasks.create_task(sqitch(own, database, "deploy", "--to", "schemas")) for database in databases]

        async def both_wait() -> bool:
            query = "select count(distinct datname) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))"
            return bool(await watch.fetchval(query, third.get_server_pid()) == 2)

        await until("both deployments to wait", both_wait)
        await third.execute("rollback")
    for deployment in deployments:
        deployment.result().succeeded()

    # While another database needs the roles they stay, and that database is as it was.
    second = await dump(own, "second")
    reverted = (await sqitch(own, "first", "revert", "-y")).succeeded()
    assert "NOTICE:  The roles pm_owner, pm_api, pm_admin and pm_monitor stay: " in reverted
    assert await dump(own, "second") == second
    await drop(own, *databases)


async def test_a_role_with_createrole_deploys_and_reverts(own: OwnCluster) -> None:
    """No superuser is needed, nor pg_cron: a warning says what to do without it."""
    async with own.session("postgres") as session:
        await session.execute(f"create role deployer login createrole password '{API_PASSWORD}'")
        await session.execute("create database theirs owner deployer")
    login = {"PGUSER": "deployer", "PGPASSWORD": API_PASSWORD}
    before = await surroundings(own, "theirs")
    output = (await sqitch(own, "theirs", "deploy", "--verify", **login)).succeeded()
    assert WARNING in output
    assert HINT in output

    async with own.session("theirs") as session:
        assert await session.fetchval("select not rolsuper from pg_roles where rolname = 'deployer'")
        owners = "select distinct proowner::regrole::text from pg_proc where pronamespace = 'api'::regnamespace"
        assert await session.fetchval(owners) == "pm_owner"
        await session.execute("set role pm_api")
        assert await session.fetchval("select api.health() ->> 'schema_version'")

    (await sqitch(own, "theirs", "revert", "-y", **login)).succeeded()
    assert await surroundings(own, "theirs") == before
    await drop(own, "theirs")
    async with own.session("postgres") as session:
        await session.execute("drop role deployer")


async def test_a_role_without_any_rights_over_roles_deploys_what_a_dba_has_prepared(own: OwnCluster) -> None:
    async with own.session("postgres") as session:
        await session.execute("create role pm_owner; create role pm_api; create role pm_admin; create role pm_monitor")
        await session.execute(f"create role humble login password '{API_PASSWORD}' in role pm_owner")
        await session.execute("create database prepared")
        await session.execute("grant create, temporary on database prepared to pm_owner")
    login = {"PGUSER": "humble", "PGPASSWORD": API_PASSWORD}
    (await sqitch(own, "prepared", "deploy", "--verify", **login)).succeeded()
    await drop(own, "prepared")
    async with own.session("postgres") as session:
        await session.execute("drop role humble")


async def test_another_encoding_is_refused_with_a_hint(own: OwnCluster) -> None:
    async with own.session("postgres") as session:
        await session.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    outcome = await sqitch(own, "latin", "deploy", "--verify")
    assert outcome.code != 0
    assert "database latin has encoding LATIN1, Phone Manager needs UTF8" in outcome.output
    assert "HINT:  create database … encoding 'UTF8' template template0" in outcome.output
    await drop(own, "latin")


@pytest.mark.timeout(300)
async def test_to_an_empty_database_and_back_to_nothing(own: OwnCluster) -> None:
    empty, around = await dump(own, WITH_CRON), await surroundings(own, WITH_CRON)

    assert WARNING not in (await sqitch(own, WITH_CRON, "deploy", "--verify", **STOPPED_CLOCK)).succeeded()
    assert "Verify successful" in (await sqitch(own, WITH_CRON, "verify")).succeeded()
    assert "Check successful" in (await sqitch(own, WITH_CRON, "check")).succeeded()
    assert "Nothing to deploy (up-to-date)" in (await sqitch(own, WITH_CRON, "status")).succeeded()
    deployed = await dump(own, WITH_CRON)
    assert len(deployed) > len(empty) + 1000
    traces = await surroundings(own, WITH_CRON)
    assert {"roles", "schemas", "types", "database rights"} <= {name for name in around if traces[name] != around[name]}
    async with own.session(WITH_CRON) as session:
        await session.execute(EXAMPLES)
        assert await session.fetchval("select count(*) from core.locations") == 3 * 61
        assert await session.fetchval("select count(*) from core.locations_default") > 0
        assert await session.fetchval("select count(*) from cron.job") == 7

    (await sqitch(own, WITH_CRON, "revert", "-y")).succeeded()
    assert await dump(own, WITH_CRON) == empty
    assert await surroundings(own, WITH_CRON) == around
    async with own.session(WITH_CRON) as session:
        assert await session.fetchval("select count(*) from cron.job") == 0

    (await sqitch(own, WITH_CRON, "deploy", "--verify", **STOPPED_CLOCK)).succeeded()
    assert await dump(own, WITH_CRON) == deployed
