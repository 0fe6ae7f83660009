"""Each example of docs/openapi.yaml, sent to a server, gets the answer that stands beside it."""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest_asyncio

from tests.api_description import examples, media, operations, parameters, resolved, validator
from tests.cluster import API_PASSWORD
from tests.conftest import now_ms, point, registration
from tests.contract import TIME, check_headers
from tests.server import serve
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.cluster import Cluster, Database
    from tests.server import Server

BY_ID = {operation["operationId"]: (method, path, operation) for method, path, operation in operations()}

# In the order in which the examples tell their story: what is registered is listed, what is uploaded exported.
STORY = (
    "registerDevice",
    "uploadLocation",
    "listDevices",
    "uploadLocations",
    "exportDevice",
    "deactivateDevice",
    "eraseDevice",
    "deleteInactiveDevices",
    "health",
    "live",
    "ready",
)
NEWEST = 1764066600000  # of the capture times of the examples
MAXIMUM = 1 << 20  # bytes of a body


@pytest_asyncio.fixture(scope="module")
async def admin(server: Server, module_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose key may do everything, and has a limit that it never reaches."""
    await module_database.execute("select admin.set_setting('privacy_rate_limit_per_hour', 1000)")
    async with server.client(await module_database.create_key(admin=True, rate_limit=10_000)) as client:
        yield client


def check(answer: httpx.Response, operation: dict[str, Any]) -> Any:
    """An answer is as described: status, content type, headers, body. Returns the body."""
    response = resolved(operation["responses"][str(answer.status_code)])
    check_headers(answer)
    described = {name.lower(): resolved(one) for name, one in response["headers"].items()}
    for name, header in described.items():
        if name not in answer.headers:
            assert not header.get("required"), name
            continue
        (value,) = answer.headers.get_list(name)
        validator(header["schema"]).validate(int(value) if header["schema"].get("type") == "integer" else value)
    told = {"content-type", "content-length", "date", "transfer-encoding"}  # those of HTTP itself
    assert set(answer.headers) <= told | set(described)
    if "content" not in response:
        assert answer.content == b""
        return None
    ((kind, content),) = response["content"].items()
    assert answer.headers["Content-Type"].split(";")[0] == kind
    body = answer.json() if kind == "application/json" else answer.text
    validator(content["schema"]).validate(body)
    return body


def present(value: Any, shift: int) -> Any:
    """An example whose capture times lie as far in the past as the example's from its newest."""
    if isinstance(value, dict):
        return {name: one + shift if name == "timestamp" else present(one, shift) for name, one in value.items()}
    return [present(one, shift) for one in value] if isinstance(value, list) else value


def timeless(value: Any) -> Any:
    """An answer with what differs from day to day blotted out."""
    if isinstance(value, dict):
        return {name: "ms" if name == "latency_ms" else timeless(one) for name, one in value.items()}
    if isinstance(value, list):
        return [timeless(one) for one in value]
    return "time" if isinstance(value, str) and TIME.fullmatch(value) else value


def test_the_story_has_every_operation() -> None:
    assert set(STORY) | {"metrics", "description", "viewer"} == set(BY_ID)  # those have tests of their own


async def test_each_example_gets_its_answer(admin: httpx.AsyncClient, module_database: Database) -> None:
    shift = now_ms() - NEWEST
    left = str(uuid.uuid4())
    await module_database.call("register_device", registration(left, "left"))
    await module_database.call("deactivate_device", {"device_id": left})
    await module_database.execute("update core.devices set updated_at = now() - interval '366 days' where not active")

    sent = 0
    for identity in STORY:
        method, path, operation = BY_ID[identity]
        given = parameters(path, operation)
        status = min(operation["responses"])
        answers = examples(media(operation["responses"][status]))
        bodies = examples(media(operation["requestBody"])) if "requestBody" in operation else {}
        queries = {name: examples(one) for name, one in given.items() if one["in"] == "query"}
        names = [*bodies] or [*next(iter(queries.values()), {})] or [*answers] or [""]
        assert set(answers) in ({*names}, set()), identity
        for name in names:
            target = path.replace("{device_id}", *examples(given["device_id"]).values()) if "{" in path else path
            answer = await admin.request(
                method,
                target,
                params={query: values[name] for query, values in queries.items()},
                json=present(bodies[name], shift) if bodies else None,
                headers={"X-Request-ID": (request_id := examples(given["X-Request-ID"])[""])},
            )
            sent += 1
            assert answer.status_code == int(status), (identity, name, answer.text)
            assert answer.headers["X-Request-ID"] == request_id
            assert timeless(check(answer, operation)) == timeless(answers.get(name)), (identity, name)
    assert sent > 15


async def test_metrics_are_as_described(admin: httpx.AsyncClient) -> None:
    _, path, operation = BY_ID["metrics"]
    text = check(await admin.get(path), operation)
    (example,) = examples(media(operation["responses"]["200"])).values()
    for line in example.splitlines()[:2]:
        assert line in text.splitlines()
    series = re.escape(example.splitlines()[2].rpartition(" ")[0])
    assert re.search(rf"^{series} \d", text, re.MULTILINE)


# Errors ---------------------------------------------------------------------------------------------------------------


def expect(answer: httpx.Response, identity: str, status: int, name: str) -> None:
    """An answer is an error's example, its numbers aside."""
    _, _, operation = BY_ID[identity]
    assert answer.status_code == status, answer.text
    body = check(answer, operation)
    example = examples(media(operation["responses"][str(status)]))[name]
    if "retry_after" in example:
        body["retry_after"] = example["retry_after"]
    assert body == example


def upload(**fields: Any) -> dict[str, Any]:
    return {"device_id": str(uuid.uuid4()), **point(), **fields}


async def test_errors_of_requests(admin: httpx.AsyncClient) -> None:
    one = "/api/v1/locations"
    bad = {name: value for name, value in upload(latitude=91).items() if name != "accuracy"}
    json = {"Content-Type": "application/json"}
    expect(await admin.post(one, json=bad), "uploadLocation", 400, "fields")
    expect(await admin.post(one, content="{", headers=json), "uploadLocation", 400, "json")
    expect(await admin.post(one, json=[]), "uploadLocation", 400, "scalar")
    expect(await admin.post(one, json=upload()), "uploadLocation", 404, "upload")
    expect(await admin.delete(f"/api/v1/devices/{uuid.uuid4()}"), "deactivateDevice", 404, "device")
    expect(await admin.get("/api/v1/unknown"), "deactivateDevice", 404, "route")
    expect(await admin.put(one, json=upload()), "uploadLocation", 405, "method")
    expect(await admin.post(one, content=" " * (MAXIMUM + 1), headers=json), "uploadLocation", 413, "large")
    expect(await admin.post(one, content="{}"), "uploadLocation", 415, "text")


async def test_errors_of_keys(server: Server, module_database: Database) -> None:
    target = "/api/v1/admin/devices/inactive?older_than_days=365"
    async with server.client() as client:
        expect(await client.delete(target), "deleteInactiveDevices", 401, "key")
    async with server.client(await module_database.create_key(rate_limit=5)) as client:
        expect(await client.delete(target), "deleteInactiveDevices", 403, "administration")
    key = await module_database.create_key("short-lived", rate_limit=5, expires_in="1 day")
    await module_database.execute(
        "update core.api_keys set expires_at = now() - interval '1 s' where name = 'short-lived'"
    )
    async with server.client(key) as client:
        expect(await client.delete(target), "deleteInactiveDevices", 401, "expired")
    async with server.client(await module_database.create_key(rate_limit=None)) as client:
        answers = [await client.get("/api/v1/devices?group_id=family") for _ in range(101)]
    expect(answers[-1], "listDevices", 429, "limit")


async def test_errors_of_the_present_state(admin: httpx.AsyncClient, group: str) -> None:
    devices = [str(uuid.uuid4()) for _ in range(21)]
    answers = [await admin.post("/api/v1/devices/register", json=registration(one, group)) for one in devices]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    expect(answers[20], "registerDevice", 409, "full")

    _, path, operation = BY_ID["uploadLocation"]
    (key,) = examples(parameters(path, operation)["Idempotency-Key"]).values()
    bodies = [upload(device_id=devices[0], latitude=latitude) for latitude in (1, 1, 2)]
    bodies[1] = bodies[0]
    first, again, other = [await admin.post(path, json=body, headers={"Idempotency-Key": key}) for body in bodies]
    assert "Idempotent-Replayed" not in first.headers
    assert check(again, operation) == check(first, operation)
    assert again.headers["Idempotent-Replayed"] == "true"
    expect(other, "uploadLocation", 422, "reused")


async def test_answers_without_a_database(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.url("no_such_database", await cluster.login_role("pm_api"), API_PASSWORD)
    name, password = "prometheus", uuid.uuid4().hex
    async with (
        serve(
            url, tmp_path, ready=False, security__metrics_username=name, security__metrics_password=password
        ) as server,
        server.client(f"pm_{'k' * 45}") as client,
    ):

        async def lives() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get("/api/health/live")).status_code == 200
            return False

        await until("the server lives", lives)
        expect(await client.get("/api/v1/devices?group_id=family"), "listDevices", 503, "away")
        expect(await client.get("/metrics"), "metrics", 401, "nobody")
        check(await client.get("/metrics", auth=(name, password)), BY_ID["metrics"][2])
        assert check(await client.get("/api/health/ready"), BY_ID["ready"][2])["error"] == "service_unavailable"
        answer = await client.get("/api/health")
        assert answer.status_code == 503
        ((_, example),) = examples(media(BY_ID["health"][2]["responses"]["503"])).items()
        assert check(answer, BY_ID["health"][2]) == example
