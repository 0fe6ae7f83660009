"""Schemathesis makes up requests from docs/openapi.yaml: each answer is one that is described, and none is a failure.

It sends what the description allows, which must be accepted, and what it does not allow, which must be refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api_description import METHODS, operations, read
from tests.conftest import now_ms, registration
from tests.server import serve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database
    from tests.server import Server

REQUESTS = int(os.environ.get("PM_FAULT_REQUESTS", "3000"))
ANY_UUID = "#/components/schemas/AnyUuid"
DAY_MS = 86_400_000
ANSWERED = (
    *("RegisteredDevice", "ListedDevice", "LastLocation", "UploadResult"),
    *("Export", "ExportedDevice", "ExportedLocation", "Error"),
)
NEVER_REACHED = 1_000_000

# An Idempotency-Key that came before, with another body, gets 422.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "422"]
"""

# What is deactivated can still be exported and erased: there is use after "free". The address of a registration is also
# one of a device, and so has its methods, too.
NOT_OURS = "use_after_free,allow_header_conformance,unsupported_method"


def narrowed(devices: list[str], leaving: list[str]) -> dict[str, Any]:
    """The description as it is at this moment: capture times that are recent, and devices that are registered.

    Those that leave are the ones that paths name, to be deactivated, exported and erased.

    Answers must hold what is described and nothing else.
    """
    description = read()
    schemas = description["components"]["schemas"]
    now = now_ms()
    schemas["CaptureTime"] |= {"minimum": now - 29 * DAY_MS, "maximum": now}
    description["components"]["parameters"]["DeviceId"]["schema"] = {"anyOf": [{"enum": leaving}, {"$ref": ANY_UUID}]}
    for name in ("Upload", "Batch"):
        schemas[name]["properties"]["device_id"] = {"anyOf": [{"enum": devices}, {"$ref": ANY_UUID}]}
    for name in ANSWERED:
        schemas[name]["additionalProperties"] = False
    for item in description["paths"].values():
        for method in METHODS:
            content = item.get(method, {}).get("requestBody", {}).get("content", {})
            for one in content.values():
                one.pop("examples")  # they are of another time; tests/test_openapi_examples.py sends them
    return description


async def run(
    server: Server, database: Database, directory: Path, *options: str
) -> dict[tuple[str, str], dict[str, int]]:
    """Runs Schemathesis; how many answers of which status each method and path gave."""
    known = [str(uuid.UUID(int=number)) for number in range(1, 43)]
    for device in known:
        await database.call("register_device", registration(device, f"of-{device}"))
    await database.execute(f"select admin.set_setting('privacy_rate_limit_per_hour', {NEVER_REACHED})")
    key = await database.create_key(admin=True, rate_limit=NEVER_REACHED)
    (directory / "openapi.json").write_text(json.dumps(narrowed(known[:3], known[3:])))
    (directory / "schemathesis.toml").write_text(CONFIGURATION)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json"),
        *("--url", server.url, "--header", f"X-API-Key: {key}", "--checks", "all", "--exclude-checks", NOT_OURS),
        *("--generation-deterministic", "--generation-allow-x00", "false"),
        *("--request-timeout", "20", "--suppress-health-check", "all", "--no-color", *options),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    text = output.decode()
    assert program.returncode == 0, text.partition("= FAILURES =")[2] or text
    return await counted(server)


async def counted(server: Server) -> dict[tuple[str, str], dict[str, int]]:
    """How many answers of which status each method and path gave."""
    async with server.client() as client:
        text = (await client.get("/metrics")).text
    found: dict[tuple[str, str], dict[str, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "http_requests_total":
                labels = sample.labels
                found.setdefault((labels["method"], labels["path"]), {})[labels["status"]] = int(sample.value)
    return found


def check_reach(seen: dict[tuple[str, str], dict[str, int]], least: int) -> None:
    """Requests came through to every operation, were both accepted and refused, and there were at least so many."""
    assert sum(count for statuses in seen.values() for count in statuses.values()) >= least
    for method, path, operation in operations():
        found = seen[method, path]
        assert any(status.startswith("2") for status in found), (method, path, found)
        if path.startswith("/api/v1/"):
            assert "401" in found, (method, path, found)
        if "requestBody" in operation:
            assert "400" in found, (method, path, found)
    assert not [statuses for statuses in seen.values() for status in statuses if int(status) >= 500]


async def test_some_hundred_requests(database: Database, tmp_path: Path) -> None:
    async with serve(database.api_url, tmp_path) as server:
        check_reach(await run(server, database, tmp_path, "--max-examples", "10"), least=500)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_thousands_of_requests(database: Database, tmp_path: Path) -> None:
    options = ("--phases", "fuzzing", "--max-examples", str(max(REQUESTS // 30, 10)), "--workers", "2")
    async with serve(database.api_url, tmp_path, server__workers="2") as server:
        check_reach(await run(server, database, tmp_path, *options), least=REQUESTS // 4)
