"""ops/prometheus and ops/grafana: what they ask for is there, and docs/monitoring.md knows of what they say."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import now_ms, point, registration
from tests.own_cluster import run
from tests.prometheus import OPS, ask, needs_prometheus, prometheus, read_yaml
from tests.server import ROOT, serve
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.cluster import Database

GUIDE = (ROOT / "docs" / "monitoring.md").read_text()
RULES: list[dict[str, Any]] = [rule for group in read_yaml(OPS / "alerts.yml")["groups"] for rule in group["rules"]]
NAMES = {rule["alert"] for rule in RULES}
CASES = (OPS / "alerts_test.yml", OPS / "alerts_of_jobs_test.yml")
DASHBOARD = json.loads((ROOT / "ops/grafana/dashboards/phone-manager.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
JOBS = """
    insert into core.job_runs (job_name, started_at, ended_at, rows, rows_total)
    select name, now() - interval '2 seconds', now() - interval '1 second', 3, 3
    from unnest(array['cleanup_locations', 'refresh_group_counts', 'cleanup_idempotency_keys', 'cleanup_rate_limits',
        'ensure_partitions', 'cleanup_audit_log']) name;
    insert into core.devices (device_id, display_name, group_id) select gen_random_uuid(), 'Phone', 'family';
    refresh materialized view core.group_member_counts
"""


# Rules ----------------------------------------------------------------------------------------------------------------


@needs_prometheus
async def test_promtool_finds_nothing_wrong_and_the_alerts_fire_when_they_should() -> None:
    for command in (("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml")):
        assert "SUCCESS" in (await run("promtool", *command[:-1], str(OPS / command[-1]))).succeeded()
    (await run("promtool", "test", "rules", *(str(path) for path in CASES))).succeeded()


def test_each_alert_is_seen_to_fire_and_not_to_fire() -> None:
    cases = [case for path in CASES for test in read_yaml(path)["tests"] for case in test["promql_expr_test"]]
    fired = {
        re.findall(r'alertname="(\w+)"', sample["labels"])[0]
        for case in cases
        for sample in case.get("exp_samples", [])
    }
    assert fired == NAMES
    silent = [re.findall(r'alertname=~?"([^"]+)"', case["expr"]) for case in cases if not case.get("exp_samples")]
    patterns = [pattern for found in silent for pattern in found]
    assert {name for name in NAMES if any(re.fullmatch(pattern, name) for pattern in patterns)} == NAMES


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule['alert']} {rule['labels'].get('schedule', '')}".strip()
)
def test_an_alert_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"


def test_the_guide_has_a_chapter_for_each_alert_and_no_other() -> None:
    assert set(re.findall(r"^### (\w+)$", GUIDE, re.MULTILINE)) == NAMES


def test_each_job_is_watched_by_its_schedule() -> None:
    schedules = dict(
        re.findall(r"\('(\w+)', '(\S+ \S+) \* \* \*', 'call", (ROOT / "sql/schema/job_schedule.sql").read_text())
    )
    daily = {name for name, times in schedules.items() if not times.endswith("*")}
    assert len(schedules) > len(daily) > 0
    watched: dict[str, set[str]] = {"hourly": set(), "daily": set()}
    for rule in RULES:
        if rule["alert"] == "JobNeverRan":
            watched[rule["labels"]["schedule"]] |= set(re.findall(r'job_name="(\w+)"', rule["expr"]))
        elif rule["alert"].startswith("Job"):
            sign = "!~" if rule["labels"]["schedule"] == "hourly" else "=~"
            (names,) = re.findall(rf'job_name{sign}"([^"]+)"', rule["expr"])
            assert set(names.split("|")) == daily
    assert watched == {"hourly": schedules.keys() - daily, "daily": daily}


# Dashboard ------------------------------------------------------------------------------------------------------------


def test_panels_lie_side_by_side_and_say_what_they_show() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in (panel["gridPos"],)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(0 <= x < 24 for x, _ in cells)
    datasources = read_yaml(ROOT / "ops/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert panel["targets"]
        assert {one["datasource"]["uid"] for one in (panel, *panel["targets"])} == {datasources[0]["uid"]}


async def use(client: httpx.AsyncClient, device_id: str, group: str) -> None:
    """One of each of the requests that phones make."""
    await client.post("/api/v1/devices/register", json=registration(device_id, group))
    await client.post("/api/v1/locations", json={"device_id": device_id, **point()})
    await client.post("/api/v1/locations/batch", json={"device_id": device_id, "locations": [point(now_ms() - 1)]})
    await client.get("/api/v1/devices", params={"group_id": group})
    await client.get("/api/v1/devices")


@needs_prometheus
@pytest.mark.slow
async def test_every_query_has_an_answer_in_a_real_prometheus(
    database: Database, tmp_path: Path, device_id: str, group: str
) -> None:
    await database.execute(JOBS)
    queries = {
        f"{panel['title']}: {target['expr']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in PANELS
        for target in panel["targets"]
    }
    queries["the target"] = f'up{{job="{read_yaml(OPS / "prometheus.yml")["scrape_configs"][0]["job_name"]}"}} == 1'
    async with (
        serve(database.api_url, tmp_path) as server,
        server.client(await database.create_key()) as client,
        prometheus(tmp_path, server.port) as watch,
    ):

        async def unanswered() -> list[str]:
            await use(client, device_id, group)
            return [
                name
                for name, query in queries.items()
                if not any(math.isfinite(float(sample["value"][1])) for sample in await ask(watch, query))
            ]

        async def evaluated() -> list[dict[str, Any]]:
            groups = (await watch.get("/api/v1/rules")).json()["data"]["groups"]
            rules = [rule for one in groups for rule in one["rules"]]
            return rules if all(rule["health"] != "unknown" for rule in rules) else []

        async def answered() -> bool:
            return not await unanswered()

        try:
            await until("an answer to every query", answered)
        except AssertionError:
            raise AssertionError(await unanswered()) from None
        rules = await until("all alerts to be looked at", evaluated)
    assert {(rule["name"], rule["health"]) for rule in rules} == {(name, "ok") for name in NAMES}
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
