"""make release: what it refuses, what it makes, and that an installation goes from one release to the next and back."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.own_cluster import operate, run
from tests.scratch_clone import Clone, scratch_clone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster import Cluster

HEALTH = "select api.health() ->> 'schema_version'"
INSERT = """
    insert into core.devices (device_id, display_name, group_id) values (gen_random_uuid(), 'Phone', 'group');
    insert into core.locations (device_id, captured_at, latitude, longitude, accuracy)
    select device_id, now(), 45, 13, 5 from core.devices
"""
# As docs/developing.md tells: the deploy script is a stub again, and the file says "or replace".
STUB = """-- Deploy phone_manager:api_health to pg

begin;
set local role pm_owner;

\\ir ../sql/functions/api/health.sql

commit;
"""


@pytest_asyncio.fixture(scope="module")
async def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of the project with something to release."""
    made = await scratch_clone(tmp_path_factory.mktemp("release") / "clone")
    await made.note_change("Something new.")
    return made


@pytest_asyncio.fixture
async def installation(cluster: Cluster) -> AsyncIterator[str]:
    """An empty database."""
    name = "pm_test_installation"
    await cluster.create(name, "template0")
    yield name
    await cluster.drop(name)


async def test_nothing_that_is_released_has_changed() -> None:
    """Of this very repository."""
    if not (await run("git", "tag", "--list", "v*")).output.startswith("v"):
        pytest.skip("nothing is released yet: git fetch --tags where something is")
    (await run("scripts/release", "--check")).succeeded()


@pytest.mark.parametrize("version", ["", "1", "1.2", "v9.0.0", "9.0.0-rc1", "09.0.0", "9.0.0 ", "9.0.0; ls"])
async def test_what_is_no_version_is_refused(clone: Clone, version: str) -> None:
    outcome = await clone.run("make", "release", f"V={version}")
    assert outcome.code != 0
    assert "is no version: make release V=1.2.0" in outcome.output


async def test_a_release_is_refused_where_anything_is_off(clone: Clone) -> None:
    version, later = await clone.next_versions()

    async def refused(why: str, number: str = version) -> None:
        head = (await clone.run("git", "rev-parse", "HEAD")).succeeded()
        before = (await clone.run("git", "status", "--porcelain")).succeeded()
        outcome = await clone.run("scripts/release", number)
        assert outcome.code != 0
        assert why in outcome.output
        assert (await clone.run("git", "rev-parse", "HEAD")).succeeded() == head
        assert (await clone.run("git", "status", "--porcelain")).succeeded() == before

    (clone.directory / "new").write_text("")
    await refused("commit or put aside first:\n?? new")
    (clone.directory / "new").unlink()
    (await clone.run("git", "tag", f"v{version}")).succeeded()
    await refused(f"there is a v{version} already")
    (await clone.run("git", "tag", "--delete", f"v{version}")).succeeded()
    (await clone.run("git", "tag", f"v{later}", "HEAD~1")).succeeded()
    await refused(f"{version} is less than {later}")
    (await clone.run("git", "tag", "--delete", f"v{later}")).succeeded()

    changelog = clone.directory / "CHANGELOG.md"
    text = changelog.read_text()
    changelog.write_text(text.replace("## Unreleased", "## Soon"))
    await clone.commit("No changes")
    await refused("CHANGELOG.md has no section Unreleased with a list of changes")
    changelog.write_text(text)
    await clone.commit("Changes")


async def test_a_release_that_cannot_be_tagged_leaves_nothing(clone: Clone) -> None:
    version, _ = await clone.next_versions()
    head = (await clone.run("git", "rev-parse", "HEAD")).succeeded()
    signed = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "tag.gpgSign", "GIT_CONFIG_VALUE_0": "true"}
    signed |= {"GIT_CONFIG_KEY_1": "gpg.program", "GIT_CONFIG_VALUE_1": "false"}
    outcome = await clone.run("scripts/release", version, **signed)
    assert outcome.code != 0
    assert f"git tag --annotate v{version}" in outcome.output
    assert (await clone.run("git", "rev-parse", "HEAD")).succeeded() == head
    assert (await clone.run("git", "status", "--porcelain")).succeeded() == ""
    assert (await clone.run("git", "tag", "--list", f"v{version}")).succeeded() == ""


def is_there(path: str) -> bool:
    """Whether there is such a file or directory."""
    return Path(path).exists()


@pytest.mark.parametrize("moment", ["tag", "deploy"])
async def test_a_release_that_is_ended_leaves_nothing(clone: Clone, tmp_path: Path, moment: str) -> None:
    version, _ = await clone.next_versions()
    head = (await clone.run("git", "rev-parse", "HEAD")).succeeded()
    seen = tmp_path / "seen"
    sqitch = tmp_path / "bin" / "sqitch"
    sqitch.parent.mkdir()
    sqitch.write_text(f"""#!/bin/sh
if [ "$1" = {moment} ]; then echo "${{PGHOST:-none}}" >{seen}; kill -TERM "$PPID"; fi
exec {shutil.which("sqitch")} "$@"
""")
    sqitch.chmod(0o755)
    # With a cluster of its own.
    path = f"{sqitch.parent}:{os.environ['PATH']}"
    outcome = await clone.run("env", "-u", "PM_TEST_CLUSTER", f"PATH={path}", "scripts/release", version)
    assert outcome.code == 128 + signal.SIGTERM, outcome.output
    assert (await clone.run("git", "rev-parse", "HEAD")).succeeded() == head
    assert (await clone.run("git", "status", "--porcelain")).succeeded() == ""
    cluster = seen.read_text().strip()
    assert (cluster == "none") == (moment == "tag")
    assert not is_there(cluster)


async def test_a_frozen_script_must_not_become_a_copy_of_an_earlier_one(clone: Clone) -> None:
    version, _ = await clone.next_versions()
    before = (await clone.run("git", "rev-parse", "HEAD")).succeeded().strip()
    earlier = clone.directory / "verify" / f"api_health@v{version}.sql"
    script = clone.directory / "verify" / "api_health.sql"
    text = script.read_text()
    earlier.write_text(text)
    await clone.commit("Reworked")
    (await clone.run("git", "tag", f"v{version}")).succeeded()
    try:
        script.write_text(f"{text}-- A harmless remark.\n")
        outcome = await clone.run("scripts/release", "--check")
        assert outcome.code != 0
        assert "verify/api_health.sql changed since" in outcome.output
        script.with_name("api_health@later.sql").write_text(text)
        (await clone.run("scripts/release", "--check")).succeeded()
    finally:
        (await clone.run("git", "tag", "--delete", f"v{version}")).succeeded()
        (await clone.run("git", "reset", "--quiet", "--hard", before)).succeeded()
        (await clone.run("git", "clean", "--quiet", "--force", "verify")).succeeded()


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_two_releases(clone: Clone, cluster: Cluster, installation: str) -> None:
    first, second = await clone.next_versions()
    directory = clone.directory

    async def database(*command: str) -> str:
        return (await operate(cluster, installation, "env", "-C", str(directory), *command)).succeeded()

    async def schema_version() -> str:
        assert await database("psql", "-XqAtc", "select count(*) from core.locations") == "1\n", "the data are there"
        return (await database("psql", "-XqAtc", HEALTH)).strip()

    # The first: everything is in the scripts, and nothing else has to be there to deploy it.
    (await clone.run("make", "release", f"V={first}")).succeeded()
    assert (await clone.run("git", "status", "--porcelain")).succeeded() == ""
    assert (await clone.run("git", "tag", "--points-at", "HEAD")).succeeded() == f"v{first}\n"
    assert not [path for path in directory.glob("deploy/*.sql") if "\\ir" in path.read_text()]
    assert f'__version__ = "{first}"' in (directory / "app" / "__init__.py").read_text()
    assert f'newTag: "{first}"' in (directory / "k8s" / "kustomization.yaml").read_text()
    heading = rf"^## {first} \(\d{{4}}-\d\d-\d\d\)\n\n- Something new\.$"
    assert re.search(heading, (directory / "CHANGELOG.md").read_text(), re.MULTILINE)
    (await clone.run("scripts/release", "--check")).succeeded()
    (await clone.run("sqitch", "bundle", "--dest-dir", "../bundle")).succeeded()
    await database("env", "-C", "../bundle", "sqitch", "deploy", "--verify", "db:pg:")
    await database("psql", "-Xqc", INSERT)
    version = await schema_version()

    # A released function changes.
    deploy = directory / "deploy"
    released = (deploy / "api_health.sql").read_text()
    (await clone.run("sqitch", "rework", "api_health", "--note", "The second version.")).succeeded()
    (kept,) = (path for path in deploy.glob("api_health@*.sql") if path.read_text() == released)
    (deploy / "api_health.sql").write_text(STUB)
    function = directory / "sql" / "functions" / "api" / "health.sql"
    text = function.read_text().replace("create function", "create or replace function")
    function.write_text(text.replace(f"'schema_version', {version}", f"'schema_version', {version}0"))
    await clone.note_change("The second version.")
    (await clone.run("scripts/release", "--check")).succeeded()

    # What is frozen does not: neither a script nor its part of the plan.
    for path in (kept, deploy / "devices.sql", directory / "revert" / "devices.sql"):
        path.write_text(path.read_text() + "-- A harmless remark.\n")
    plan = directory / "sqitch.plan"
    plan.write_text(plan.read_text().replace("Four rooms", "Five rooms"))
    outcome = await clone.run("scripts/release", "--check")
    assert outcome.code != 0
    names = f"sqitch.plan, deploy/api_health.sql, deploy/devices.sql, revert/devices.sql changed since v{first}"
    assert names in outcome.output
    (await clone.run("git", "restore", ".")).succeeded()

    # The second, to which the installation goes, and from which it comes back.
    (await clone.run("make", "release", f"V={second}")).succeeded()
    output = await database("sqitch", "deploy", "--verify", "db:pg:")
    assert re.findall(r"^  \+ (\S+)", output, re.MULTILINE) == ["api_health"]
    assert await schema_version() == f"{version}0"
    await database("sqitch", "revert", "-y", "--to", f"@v{first}", "db:pg:")
    assert await schema_version() == version
    await database("sqitch", "verify", "--to", f"@v{first}", "db:pg:")
    await database("sqitch", "deploy", "--verify", "db:pg:")
    assert await schema_version() == f"{version}0"
