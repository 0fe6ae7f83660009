"""The plan has its files, and a verify script fails where what it vouches for is not so."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.own_cluster import Outcome, operate, sqitch
from tests.server import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Cluster, Database

pytestmark = pytest.mark.slow

KINDS = ("deploy", "revert", "verify")
PLAN = (ROOT / "sqitch.plan").read_text()
NEEDS = dict(re.findall(r"^(\w+)(?: \[([^@]*?)\])? \d{4}-", PLAN, re.MULTILINE))
REWORKED = set(re.findall(r"^(\w+) \[\1@", PLAN, re.MULTILINE))  # their older scripts have a tag in their names

# One damage each, and the change whose script must tell.
DAMAGES = [
    ("revoke create on database {database} from pm_owner", "roles"),
    ("grant usage on schema core to pm_api", "schemas"),
    ("alter schema jobs owner to postgres", "schemas"),
    ("alter function core.trim_blanks stable", "clock_and_text"),
    ("alter domain core.latitude drop constraint {rule}", "domains"),
    ("alter domain core.speed owner to postgres", "domains"),
    ("delete from core.settings", "settings"),
    ("alter table core.settings drop constraint settings_max_batch_size_check", "settings"),
    ("alter table core.api_keys drop constraint api_keys_key_hash_key", "api_keys"),
    ("grant select (key_prefix) on core.api_keys to pm_admin", "api_keys"),
    ("grant select on core.devices to pm_api", "devices"),
    ("create index on core.devices (last_seen_at)", "devices"),
    ("alter table core.devices alter column fcm_token set not null", "devices"),
    ("alter table core.locations detach partition core.locations_default", "locations"),
    ("alter table core.locations drop constraint locations_device_id_fkey", "locations"),
    ("grant truncate on core.locations to pm_monitor", "locations"),
    ("alter table core.idempotency_keys drop column answer", "idempotency_keys"),
    ("drop index core.idempotency_keys_created_at", "idempotency_keys"),
    ("alter table core.rate_limits set logged", "rate_limits"),
    ("alter table core.audit_log owner to postgres", "audit_log"),
    ("alter table core.audit_log drop constraint audit_log_metadata_check", "audit_log"),
    ("alter table core.job_runs alter column rows drop not null", "job_runs"),
    ("grant select on core.devices_with_last_location to pm_api", "devices_with_last_location"),
    ("drop index core.group_member_counts_group_id", "group_member_counts"),
    ("revoke select on core.group_member_counts from pm_monitor", "group_member_counts"),
    ("alter function core.lock_name immutable", "locks"),
    ("grant execute on function core.audit to public", "audit"),
    ("drop function core.require_valid", "validation"),
    ("alter function core.require_place security definer", "group_limit"),
    ("alter function api.admit reset search_path", "api_admit"),
    ("alter function api.admit set search_path = core", "api_admit"),
    ("revoke execute on function api.register_device from pm_api", "api_register_device"),
    ("alter function api.upload_location security invoker", "api_upload_location"),
    ("alter function api.upload_location owner to postgres", "api_upload_location"),
    ("grant execute on function api.export_page to pm_admin", "api_export"),
    ("alter function api.export_head stable", "api_export"),
    ("revoke execute on function api.erase_device from pm_api", "api_erase_device"),
    ("alter function api.delete_inactive_devices security invoker", "api_delete_inactive_devices"),
    ("grant execute on function admin.create_api_key to pm_api", "admin_api_keys"),
    ("drop function admin.help", "admin_help"),
    ("grant execute on function core.erase_device to pm_admin", "erasure"),
    ("grant execute on function admin.erase_device to pm_api", "admin_devices"),
    ("alter function admin.storage_report security invoker", "admin_reports"),
    ("grant execute on procedure jobs.cleanup_locations to pm_api", "jobs_cleanup_locations"),
    ("drop procedure jobs.ensure_partitions", "jobs_ensure_partitions"),
    ("grant execute on procedure jobs.run to pm_monitor", "jobs_run"),
    ("grant execute on function jobs.refresh_group_counts_step to pm_admin", "jobs_refresh_group_counts"),
    ("alter function jobs.cleanup_idempotency_keys_step owner to postgres", "jobs_cleanup_idempotency_keys"),
    ("drop procedure jobs.cleanup_rate_limits", "jobs_cleanup_rate_limits"),
    ("alter function jobs.cleanup_audit_log_step reset search_path", "jobs_cleanup_audit_log"),
]
RULE = "select conname from pg_constraint where contypid = 'core.latitude'::regtype"
GRANT = 'grant create, temporary on database "{}" to pm_owner'  # cloning leaves out the rights on the database itself
RESULT = re.compile(r"^  \* (\w+)(?: @\S+)* \.+ (?:.*?^)??(ok|not ok)$", re.MULTILINE | re.DOTALL)


async def verify(cluster: Cluster, database: str, change: str, *before: str) -> Outcome:
    """Runs statements, then a verify script as sqitch does; its end, good or bad, takes back all of it."""
    statements = [argument for statement in ("begin", *before) for argument in ("-c", statement)]
    options = ("-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null")
    return await operate(cluster, database, "psql", *options, *statements, "-f", f"verify/{change}.sql")


@pytest_asyncio.fixture(scope="module")
async def whole(module_database: Database) -> Database:
    """A database as it was deployed."""
    await module_database.execute(GRANT.format(module_database.name))
    return module_database


async def filled_in(statement: str, database: Database) -> str:
    """A damage, with the names of this database."""
    return statement.format(database=f'"{database.name}"', rule=await database.value(RULE))


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_has_its_files_and_each_file_its_change(kind: str) -> None:
    names = {path.name for path in (ROOT / kind).iterdir()}
    assert {name for name in names if "@" not in name} == {f"{change}.sql" for change in NEEDS}
    for change in NEEDS:
        if change in REWORKED and kind == "revert":
            continue  # it is the older deploy script
        first, *_ = (ROOT / kind / f"{change}.sql").read_text().splitlines()
        preposition = {"deploy": "to", "revert": "from", "verify": "on"}[kind]
        assert first == f"-- {kind.capitalize()} phone_manager:{change} {preposition} pg"


def test_each_change_comes_after_what_it_needs_and_says_so() -> None:
    assert len(NEEDS) > 30
    before: set[str] = set()
    for change, needs in NEEDS.items():
        assert set(needs.split()) <= before
        before.add(change)
        if change in REWORKED:
            continue
        script = (ROOT / "deploy" / f"{change}.sql").read_text()
        assert re.findall(r"^-- requires: (\w+)$", script, re.MULTILINE) == needs.split()


def test_there_is_a_damage_for_each_kind_of_thing() -> None:
    assert {change for _, change in DAMAGES} <= set(NEEDS)
    assert len({change for _, change in DAMAGES}) > 20


@pytest.mark.parametrize(("statement", "change"), DAMAGES)
async def test_a_verify_script_tells_a_damage(whole: Database, statement: str, change: str) -> None:
    outcome = await verify(whole.cluster, whole.name, change, await filled_in(statement, whole))
    assert outcome.code == 3, "psql stopped at an error"
    assert f"psql:verify/{change}.sql:" in outcome.output.splitlines()[-1], "and it was the script's"


async def test_sqitch_verify_names_all_damaged_changes(database: Database) -> None:
    await database.execute(GRANT.format(database.name))
    damages = {change: statement for statement, change in DAMAGES}
    for statement in damages.values():
        await database.execute(await filled_in(statement, database))
    outcome = await sqitch(database.cluster, database.name, "verify")
    assert outcome.code != 0
    results = {change: "not ok" if change in damages else "ok" for change in NEEDS}
    assert dict(RESULT.findall(outcome.output)) == results


@pytest_asyncio.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"pm_empty_{uuid.uuid4().hex[:12]}"
    await cluster.create(name, "template0")
    try:
        yield name
    finally:
        await cluster.drop(name)


async def test_in_an_empty_database_every_script_fails(cluster: Cluster, empty: str) -> None:
    """Except that of the schedule, which has nothing to say where there is no pg_cron."""
    changes = [change for change in NEEDS if change != "job_schedule"]
    at_once = asyncio.Semaphore(4)

    async def code(change: str) -> int:
        async with at_once:
            return (await verify(cluster, empty, change)).code

    codes = await asyncio.gather(*(code(change) for change in changes))
    assert dict(zip(changes, codes, strict=True)) == dict.fromkeys(changes, 3)
