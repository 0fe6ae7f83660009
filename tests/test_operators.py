"""What operators do in psql: the session that make psql opens, and the examples that their functions show."""

from __future__ import annotations

import asyncio
import os
import pty
import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.operators import NO_MAKE, make_psql, operator_session, operator_url
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

FUNCTIONS = sorted((ROOT / "sql" / "functions" / "admin").glob("*.sql"))
DEVICE = "6f1c7c4e-3a52-4a3b-9a0e-2f6d1a1f4c11"
# What some examples need first.
BEFORE = {
    "reactivate_api_key": "select admin.deactivate_api_key(p_id => 3)",
    "reactivate_device": f"select admin.deactivate_device(p_device_id => '{DEVICE}')",
}


def examples(path: Path) -> list[str]:
    """The statements below "Example:" in the header of a function."""
    header = re.search(r"^-- Example:\n((?:--   .+\n)+)", path.read_text(), re.MULTILINE)
    return [line.removeprefix("--   ") for line in header[1].splitlines()] if header else []


EXAMPLES = [(path.stem, example) for path in FUNCTIONS for example in examples(path)]


async def read_to_end(terminal: int) -> str:
    """All that is written to a terminal until its last user has closed it."""
    output = b""
    while True:
        try:
            output += await asyncio.to_thread(os.read, terminal, 4096)
        except OSError:  # how Linux says that nobody is there any more
            return output.decode()


async def terminal_session(typed: str, **environment: str) -> str:
    """What a terminal shows when make psql is run there and lines are typed."""
    terminal, side = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        "make",
        "psql",
        cwd=ROOT,
        env={**os.environ, "PAGER": "cat", "PSQLRC": os.devnull, "TERM": "dumb", **NO_MAKE, **environment},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    try:
        os.write(terminal, typed.encode())
        async with asyncio.timeout(60):
            output = await read_to_end(terminal)
            await process.wait()
        return output
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(terminal)


async def test_a_session_greets_and_runs_as_the_operator(module_database: Database) -> None:
    role = await module_database.cluster.login_role("pm_admin")
    typed = (
        "select current_user || ' works';\nselect * from core.devices;\n"
        "select count(*) > 20 as helped from admin.help();\n\\q\n"
    )
    shown = await terminal_session(typed, PM__DATABASE__URL=await operator_url(module_database))
    who = f"Phone Manager, database {module_database.name}, as {role}."
    assert f"{who} What you can do: select * from admin.help();" in shown
    assert f"{role} works" in shown
    assert "permission denied for schema core" in shown
    assert re.search(r"helped\s+-+\s+t\s", shown), "an error does not end the session"


async def test_a_login_that_is_no_operator_is_told_so(module_database: Database) -> None:
    shown = await terminal_session("\\q\n", PM__DATABASE__URL=module_database.api_url)
    assert "This role is no operator" in shown


async def test_a_script_is_not_greeted_and_ends_at_an_error(module_database: Database, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("\\t on\nselect count(*) > 20 from admin.help();\n")
    assert (await make_psql(module_database, script)).succeeded() == " t\n\n"
    script.write_text("select admin.erase_device(gen_random_uuid());\n\\echo more\n")
    outcome = await make_psql(module_database, script)
    assert outcome.code != 0
    assert "ERROR:  Device not found.\nHINT:  select * from admin.list_devices(" in outcome.output
    assert "more" not in outcome.output


@pytest_asyncio.fixture(scope="module")
async def household(module_database: Database) -> Database:
    """A database with what the examples speak of."""
    for name in ("one", "two", "three"):
        await module_database.create_key(name)
    await module_database.execute(
        f"insert into core.devices (device_id, display_name, group_id) values ('{DEVICE}', 'Anna', 'family')"
    )
    return module_database


def test_each_function_shows_examples_of_itself() -> None:
    assert {name for name, _ in EXAMPLES} == {path.stem for path in FUNCTIONS}
    assert len(EXAMPLES) > len(FUNCTIONS) > 20


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
async def test_an_example_runs_for_an_operator(household: Database, name: str, example: str) -> None:
    assert re.search(rf"\badmin\.{name}\((p_\w+ => [^;]*)?\)", example), "it calls the function, arguments by name"
    async with operator_session(household) as session:
        await session.execute("begin")
        if name in BEFORE:
            await session.execute(BEFORE[name])
        await session.execute(example)
        await session.execute("rollback")
