"""GET /metrics: what is counted, what is not, and which labels there can be."""

from __future__ import annotations

import asyncio
import base64
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from app.routes import ENDPOINTS
from tests.conftest import now_ms, point, registration
from tests.contract import check_headers, check_problem
from tests.exposition import PATH, Exposition, scrape
from tests.raw_http import connect, request
from tests.server import ROOT, Server, serve
from tests.waiting import until, until_blocked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

REGISTER = "/api/v1/devices/register"
ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
BUCKETS = ["0.001", "0.005", "0.01", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "5.0", "+Inf"]

# The type and labels of each name.
CONTRACT = {
    "http_requests_total": ("counter", {"method", "path", "status"}),
    "http_request_duration_seconds": ("histogram", {"method", "path"}),
    "database_connections_active": ("gauge", set()),
    "database_connections_idle": ("gauge", set()),
    "database_query_duration_seconds": ("histogram", {"query_type"}),
    "locations_uploaded_total": ("counter", set()),
    "devices_registered_total": ("counter", set()),
    "active_devices_count": ("gauge", {"group_id"}),
    "background_job_duration_seconds": ("gauge", {"job_name"}),
    "background_job_last_success_timestamp": ("gauge", {"job_name"}),
    "locations_deleted_total": ("counter", {"job"}),
}

# What promtool says of a name that is the contract's.
KNOWN = ['active_devices_count non-histogram and non-summary metrics should not have "_count" suffix']

FACTS = """
    insert into core.job_runs (job_name, started_at, ended_at, rows, rows_total, error) values
        ('cleanup_locations', '2031-06-30 11:00:00+00', '2031-06-30 11:00:02.25+00', 7, 12, null),
        ('cleanup_locations', '2031-06-30 12:00:00+00', '2031-06-30 12:09:00+00', 3, 15, 'disk full'),
        ('sweep', '2031-06-30 11:00:00+00', '2031-06-30 11:00:10+00', 4, 4, null),
        ('fails', '2031-06-30 11:00:00+00', '2031-06-30 11:00:10+00', 0, 0, 'disk full');
    insert into core.devices (device_id, display_name, group_id, last_seen_at)
        select gen_random_uuid(), 'Phone', 'group-' || n % 4, now() + make_interval(secs => n % 4)
        from generate_series(1, 11) n;
    refresh materialized view core.group_member_counts
"""


async def test_names_types_and_labels(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    await database.execute(FACTS)
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:
        await client.post(REGISTER, json=registration(device_id, group))
        await client.post(ONE, json={"device_id": device_id, **point()})
        answer = await client.get(PATH)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        check_headers(answer)
        told = Exposition((await client.get(PATH)).text)
    found = {}
    for family in told.families.values():
        assert family.documentation
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
        suffixes = {"histogram": {"_bucket", "_count", "_sum"}, "counter": {"_total"}, "gauge": {""}}[family.type]
        assert {sample.name.removeprefix(family.name) for sample in family.samples} == suffixes, "no _created"
    assert found == CONTRACT
    for name, (kind, _) in CONTRACT.items():
        if kind == "histogram":
            first = next(told.matching(f"{name}_bucket")).labels
            same = {label: value for label, value in first.items() if label != "le"}
            assert [one.labels["le"] for one in told.matching(f"{name}_bucket", **same)] == BUCKETS


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)")
async def test_promtool_finds_nothing(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    await database.execute(FACTS)
    for workers in ("1", "2"):
        async with (
            serve(database.api_url, tmp_path, server__workers=workers) as server,
            server.client(await database.create_key()) as client,
        ):
            await client.post(REGISTER, json=registration(device_id, group))
            told = await scrape(client)
        assert len(told.families) == len(CONTRACT)
        process = await asyncio.create_subprocess_exec(
            "promtool", "check", "metrics",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(told.text.encode())
        assert output.decode().splitlines() == KNOWN


# Requests -------------------------------------------------------------------------------------------------------------


async def test_requests_are_counted_by_route(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:
        await client.post(REGISTER, json=registration(device_id, group))
        for _ in range(3):
            await client.get("/api/v1/devices", params={"group_id": group})
        await client.get("/api/v1/devices")
        await client.delete(f"/api/v1/devices/{device_id}")
        await client.delete(f"/api/v1/devices/{device_id}")
        await client.put(REGISTER)
        await client.get("/no/such/route")
        await client.get("/api/health/live", headers={"X-API-Key": "wrong"})
        async with connect(server.port) as connection:
            await connection.send(b"no HTTP\r\n\r\n")
            await connection.answer()
        told = await scrape(client)
    counted = {
        (one.labels["method"], one.labels["path"], one.labels["status"]): one.value
        for one in told.matching("http_requests_total")
        if one.labels["path"] != "/api/health/ready"
    }
    assert counted == {
        ("POST", REGISTER, "200"): 1,
        ("GET", "/api/v1/devices", "200"): 3,
        ("GET", "/api/v1/devices", "400"): 1,
        ("DELETE", "/api/v1/devices/{device_id}", "204"): 1,
        ("DELETE", "/api/v1/devices/{device_id}", "404"): 1,
        ("PUT", REGISTER, "405"): 1,
        ("GET", "unknown", "404"): 1,
        ("GET", "/api/health/live", "200"): 1,
        ("OTHER", "unknown", "400"): 1,
    }
    assert told.value("http_request_duration_seconds_count", method="GET", path="/api/v1/devices") == 4
    assert 0 < told.value("http_request_duration_seconds_sum", method="GET", path="/api/v1/devices") < 4 * 60


async def test_clients_choose_no_labels(server: Server, module_database: Database) -> None:
    targets = [
        *(f"/{number}/hostile" for number in range(50)),
        *(f"/api/v1/devices/hostile-{number}" for number in range(50)),
        '/hostile"}', "/hostile%0A", "/api/v1/devices?group_id=hostile", "/api/v1//devices", "/hostile\\n", "*",
    ]  # fmt: skip
    key = f"X-API-Key: {await module_database.create_key()}"
    async with server.client() as client:
        before = await scrape(client)
        async with connect(server.port) as connection:
            for method in ("GET", "DELETE", "PROPFIND", "M-SEARCH", "OPTIONS", "REPORT", "TRACE"):
                for target in targets:
                    await connection.send(request(method, target, key, "X-Request-ID: hostile"))
                    answer = await connection.answer()
                    assert answer is not None
        for number in range(30):
            async with connect(server.port) as connection:
                await connection.send(request(f"HOSTILE{number}", f"/hostile-{number}"))
                assert await connection.answer() is not None
        after = await scrape(client)
    assert "hostile" not in after.text
    paths = {endpoint.path for endpoint in ENDPOINTS} | {"/api/health/ready", PATH, "unknown"}
    assert after.labels("http_requests_total", "path") <= paths
    methods = {"GET", "DELETE", "OPTIONS", "OTHER"}
    assert after.labels("http_requests_total", "method") - before.labels("http_requests_total", "method") <= methods
    assert after.value("http_requests_total", method="OTHER") >= 4 * len(targets)
    new = {str(one.labels) for one in after.matching("http_requests_total")} - {
        str(one.labels) for one in before.matching("http_requests_total")
    }
    assert len(new) <= 4 * len(paths)


# What is stored -------------------------------------------------------------------------------------------------------


async def test_points_are_counted_once(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    await database.call("register_device", registration(device_id, group))
    now = now_ms()
    points = [point(now - number) for number in range(5)]
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:

        async def uploaded() -> float:
            return (await scrape(client)).value("locations_uploaded_total")

        assert await uploaded() == 0
        for _ in range(2):  # the second is a duplicate
            await client.post(ONE, json={"device_id": device_id, **points[0]})
        assert await uploaded() == 1
        keyed = {"Idempotency-Key": "key-1"}
        for replayed in (None, "true"):
            answer = await client.post(ONE, json={"device_id": device_id, **points[1]}, headers=keyed)
            assert answer.headers.get("Idempotent-Replayed") == replayed
        assert await uploaded() == 2
        keyed = {"Idempotency-Key": "key-2"}
        for replayed in (None, "true"):  # two of five are there
            answer = await client.post(BATCH, json={"device_id": device_id, "locations": points}, headers=keyed)
            assert answer.headers.get("Idempotent-Replayed") == replayed
            assert answer.json()["duplicate_count"] == 2
        assert await uploaded() == 5
        bad = [point(now - 10), point(now - 11, latitude=91)]
        check_problem(
            await client.post(BATCH, json={"device_id": device_id, "locations": bad}),
            400,
            fields=["locations[1].latitude"],
        )
        assert await uploaded() == 5
    assert await database.value("select count(*) from core.locations") == 5


async def test_what_is_not_committed_is_not_counted(
    database: Database, tmp_path: Path, device_id: str, group: str
) -> None:
    await database.call("register_device", registration(device_id, group))
    await database.execute(
        """create function core.refuse() returns trigger language plpgsql as
               $$ begin raise exception 'refused at commit'; end $$;
           create constraint trigger refuse after insert on core.locations deferrable initially deferred
               for each row execute function core.refuse()"""
    )
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:
        answer = await client.post(ONE, json={"device_id": device_id, **point()})
        check_problem(answer, 500)
        assert (await scrape(client)).value("locations_uploaded_total") == 0


async def test_devices_are_counted_once(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:
        for changed in ({}, {}, {"display_name": "Mum"}, {"group_id": f"{group}-2"}):
            assert (await client.post(REGISTER, json=registration(device_id, group) | changed)).status_code == 200
            assert (await scrape(client)).value("devices_registered_total") == 1
        await client.delete(f"/api/v1/devices/{device_id}")
        await client.post(REGISTER, json=registration(device_id, group))
        check_problem(await client.post(REGISTER, json={}), 400, fields=["device_id", "display_name", "group_id"])
        assert (await scrape(client)).value("devices_registered_total") == 1


# The database ---------------------------------------------------------------------------------------------------------


async def test_calls_of_the_database(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client(await database.create_key()) as client:
        await client.post(REGISTER, json=registration(device_id, group))
        alone = {"Idempotency-Key": "key-1"}
        await client.post(ONE, json={"device_id": device_id, **point()}, headers=alone)
        await client.post(ONE, json={"device_id": device_id})  # refused by the function
        await client.post(ONE, json={"device_id": device_id, **point(now_ms() - 1)})
        told = await scrape(client)
    name = "database_query_duration_seconds"
    types = told.labels(f"{name}_count", "query_type")
    functions = await database.fetch("select proname from pg_proc where pronamespace = 'api'::regnamespace")
    called = {"admit", "health", "register_device", "upload_location", "upload_location_many"}
    assert called <= types <= {row["proname"] for row in functions}
    assert told.value(f"{name}_count", query_type="upload_location") == 2
    assert told.value(f"{name}_sum", query_type="upload_location") > 0


async def test_connections(database: Database, tmp_path: Path, device_id: str, group: str) -> None:
    await database.call("register_device", registration(device_id, group))
    async with (
        serve(database.api_url, tmp_path, database__min_connections="3") as server,
        server.client(await database.create_key()) as client,
        database.cluster.session(database.name) as session,
        database.cluster.session(database.name) as watch,
    ):

        async def told(active: int, idle: int) -> bool:
            said = await scrape(client)
            return said.value("database_connections_active") == active and (
                said.value("database_connections_idle") == idle
            )

        await until("3 idle connections", lambda: told(0, 3))
        async with session.transaction():
            await session.execute("select from core.devices for update")
            uploads = [
                asyncio.create_task(client.post(ONE, json={"device_id": device_id, **point(now_ms() - number)}))
                for number in range(2)
            ]
            await until_blocked(watch, session, 2)
            await until("2 connections in use", lambda: told(2, 1))
        await asyncio.gather(*uploads)
        await until("3 idle connections again", lambda: told(0, 3))


async def test_groups_and_jobs(database: Database, tmp_path: Path) -> None:
    await database.execute(FACTS)
    async with (
        serve(database.api_url, tmp_path, server__metrics_max_groups="2") as server,
        server.client() as client,
    ):
        told = await scrape(client)
    groups = {one.labels["group_id"]: one.value for one in told.matching("active_devices_count")}
    assert groups == {"group-3": 3, "group-2": 3}, "the most recently active ones"
    assert told.labels("background_job_duration_seconds", "job_name") == {"cleanup_locations", "sweep"}
    assert told.value("background_job_duration_seconds", job_name="cleanup_locations") == 2.25
    success = await database.value("select extract(epoch from '2031-06-30 11:00:02.25+00'::timestamptz)::float8")
    assert told.value("background_job_last_success_timestamp", job_name="cleanup_locations") == success
    assert [(one.labels["job"], one.value) for one in told.matching("locations_deleted_total")] == [
        ("cleanup_locations", 15)
    ]


async def test_scrapes_share_what_the_database_said(database: Database, tmp_path: Path) -> None:
    async with serve(database.api_url, tmp_path) as server, server.client() as client:
        await asyncio.gather(*(scrape(client) for _ in range(30)))
        told = await scrape(client)
    assert told.value("http_requests_total", path=PATH) == 30
    assert 1 <= told.value("database_query_duration_seconds_count", query_type="metrics") < 10


# Who may read them ----------------------------------------------------------------------------------------------------


def basic(text: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


async def test_a_user_name_and_a_password(database: Database, tmp_path: Path) -> None:
    name, password = "prometheus", "pässword:with a colon"
    good = f"{name}:{password}"
    wrong = [
        "", "Basic", "Basic !", "Basic \xff", f"Basic {good[:5]}", basic(":"), basic(name),
        basic(f"{name}:"), basic(f"{good} "), basic(good[:-1]), basic(f":{password}"), basic(good, "Bearer"),
        basic(good)[:-4], basic(good).replace(" ", ""), basic(good.upper()),
    ]  # fmt: skip
    async with (
        serve(
            database.api_url, tmp_path, security__metrics_username=name, security__metrics_password=password
        ) as server,
        server.client() as client,
    ):
        check_problem(await client.get(PATH), 401, message="Metrics need a user name and a password.")
        for authorization in wrong:
            answer = await client.get(PATH, headers={b"Authorization": authorization.encode("latin-1")})
            check_problem(answer, 401, message="Metrics need a user name and a password.")
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="metrics", charset="UTF-8"'
        for authorization in (basic(good), basic(good, "basic"), basic(good, "BASIC")):
            assert (await client.get(PATH, headers={"Authorization": authorization})).status_code == 200
        assert (await client.get(PATH, auth=httpx.BasicAuth(name, password))).status_code == 200
        assert password not in server.log
        assert basic(good)[6:] not in server.log


async def test_other_methods(server: Server) -> None:
    async with server.client() as client:
        check_problem(await client.post(PATH), 405)
        head = await client.head(PATH)
        assert (head.status_code, head.content) == (200, b"")


# The documentation ----------------------------------------------------------------------------------------------------


def test_the_documentation_lists_every_metric() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "metrics.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {
        name.strip("`"): (kind, {label.strip(" `") for label in labels.split(",") if label})
        for name, kind, labels, *_ in rows
    }
    assert len(rows) == len(documented)
    assert documented == CONTRACT
    assert all(len(row) == 5 and all(row[3:]) for row in rows), "each has a meaning and what to watch"
