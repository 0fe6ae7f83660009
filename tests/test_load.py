"""The load scripts, each scenario from end to end at a very small scale."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from bench.load_test import is_loopback
from tests.own_cluster import Outcome, run

if TYPE_CHECKING:
    from tests.cluster import Database
    from tests.server import Server


async def load(server: Server, key: str, scenario: str) -> Outcome:
    """Loads a server for some seconds; how fast it answers is no matter."""
    return await run(
        *(sys.executable, "-m", "bench.load_test"),
        SCENARIO=scenario,
        SCALE="0.01",
        DURATION="2",
        P95="60000",
        BASE_URL=server.url,
        API_KEYS=key,
    )


SCENARIOS = {
    "baseline": "1 users",
    "stress": "from 0 to 10 requests/s",
    "spike": "from 0 to 50 users in 1 s",
}


async def test_each_scenario(server: Server, module_database: Database) -> None:
    key = await module_database.create_key()
    outcomes = await asyncio.gather(*(load(server, key, scenario) for scenario in SCENARIOS))
    for outcome, (scenario, scale) in zip(outcomes, SCENARIOS.items(), strict=True):
        output = outcome.succeeded()
        assert f"{scenario} at scale 0.01: {scale}" in output
        assert "all thresholds are kept" in output
    assert await module_database.value("select count(*) from core.devices") == 1020
    assert await module_database.value("select count(*) from core.locations") > 0


async def test_a_threshold_that_is_not_kept(server: Server, module_database: Database) -> None:
    """The key's limit is used up by the registrations."""
    outcome = await load(server, await module_database.create_key(rate_limit=1025), "stress")
    assert outcome.code == 99
    assert "a threshold is not kept" in outcome.output


async def test_no_other_machine_by_mistake() -> None:
    outcome = await run(sys.executable, "-m", "bench.load_test", BASE_URL="https://api.example.com", API_KEYS="pm_x")
    assert outcome.code == 1
    assert "REMOTE=yes" in outcome.output
    urls = (
        "http://localhost:1",
        "http://127.0.0.9:80",
        "http://[::1]:80",
        "http://10.0.0.1",
        "http://localhost.example",
    )
    assert [is_loopback(url) for url in urls] == [True, True, True, False, False]
