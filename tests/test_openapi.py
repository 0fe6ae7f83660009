"""docs/openapi.yaml says what the route table and the rules of fields say."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from app import __version__
from app.application import EXPOSED_HEADERS, build
from app.config import load
from app.errors import CODES, MESSAGES
from app.routes import ENDPOINTS, Endpoint
from tests.api_description import (
    DESCRIPTION,
    examples,
    media,
    named,
    operations,
    parameters,
    read,
    resolved,
    validator,
)
from tests.conftest import now_ms, point, registration
from tests.contract import HEADERS
from tests.field_rules import (
    BAD_POINT,
    BAD_REGISTRATION,
    DEVICE_ID,
    GOOD_POINT,
    GOOD_REGISTRATION,
    cases,
    replaced,
)

OPERATIONS = {(method, path): operation for method, path, operation in operations()}
EVERYWHERE = {"200", "400", "405", "500"}
WITH_A_KEY = {"400", "401", "405", "408", "413", "415", "429", "500", "503"}

# Only the clock tells that these are wrong.
OUT_OF_TIME = [("timestamp", value) for value in (0, -1, 1e15, 10**30, -(10**30))]


def test_it_is_openapi() -> None:
    validate(read())
    assert DESCRIPTION["openapi"] == "3.1.0"
    assert DESCRIPTION["info"]["version"] == __version__


# Routes ---------------------------------------------------------------------------------------------------------------


def test_it_has_every_route_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.logs.configure", lambda *_: None)
    monkeypatch.setenv("PM__DATABASE__URL", "postgresql://nobody@localhost/none")
    routes = build(load()).routes
    served = {(method, route.path) for route in routes for method in route.methods}  # type: ignore[attr-defined]
    heads = {("HEAD", path) for method, path in OPERATIONS if method == "GET" and not path.endswith("data-export")}
    assert {(method, path) for method, path in served if not path.startswith("/api/docs/")} == set(OPERATIONS) | heads


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.function)
def test_an_operation_says_what_the_route_table_says(endpoint: Endpoint) -> None:
    operation = OPERATIONS[endpoint.method, endpoint.path]
    given = parameters(endpoint.path, operation)
    assert "security" not in operation
    assert [name for name, one in given.items() if one["in"] == "query"] == list(endpoint.query)
    assert [name for name, one in given.items() if one["in"] == "path"] == (
        ["device_id"] if "{device_id}" in endpoint.path else []
    )
    assert ("Idempotency-Key" in given) == endpoint.idempotent
    assert ("requestBody" in operation) == endpoint.has_body
    statuses = set(operation["responses"])
    assert statuses >= WITH_A_KEY
    assert ("422" in statuses) == endpoint.idempotent
    assert ("403" in statuses) == (endpoint.limit_class == "admin")
    assert len(statuses & {"200", "204"}) == 1


@pytest.mark.parametrize(("method", "path"), [key for key in OPERATIONS if not key[1].startswith("/api/v1/")])
def test_an_operation_without_a_key_says_so(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    assert operation["security"] in ([], [{}, {"metrics": []}])
    assert set(operation["responses"]) - {"401", "503"} == EVERYWHERE


def test_the_key_is_told() -> None:
    (name,) = (name for requirement in DESCRIPTION["security"] for name in requirement)
    scheme = DESCRIPTION["components"]["securitySchemes"][name]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")


# Answers --------------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_headers_of_all() -> None:
    described = DESCRIPTION["components"]["headers"]
    assert {name: described[name]["schema"]["const"] for name in HEADERS} == HEADERS
    for operation in OPERATIONS.values():
        for response in operation["responses"].values():
            headers = resolved(response)["headers"]
            assert {*HEADERS, "X-Request-ID"} <= {name for name in headers if resolved(headers[name]).get("required")}
            assert {name for name in headers if not name.startswith("WWW-")} <= set(described)
    assert set(EXPOSED_HEADERS) <= set(described)


def test_every_error_has_its_code() -> None:
    assert DESCRIPTION["components"]["schemas"]["Error"]["properties"]["error"]["enum"] == list(CODES.values())
    seen = set()
    for (_, path), operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if status < "400" or (path, status) == ("/api/health", "503"):
                continue
            seen.add(int(status))
            content = media(response)
            assert content["schema"]["properties"]["error"]["const"] == CODES[int(status)]
            assert {one["error"] for one in examples(content).values()} == {CODES[int(status)]}
            assert ("Retry-After" in resolved(response)["headers"]) == (status in {"429", "503"})
    assert seen == set(CODES)


@pytest.mark.parametrize(
    ("status", "name"), [(408, "RequestTimeout"), (500, "InternalError"), (503, "ServiceUnavailable")]
)
def test_failures_have_the_message_of_the_server(status: int, name: str) -> None:
    (example,) = examples(media(DESCRIPTION["components"]["responses"][name])).values()
    assert example["message"] == MESSAGES[status]


# Values ---------------------------------------------------------------------------------------------------------------


def test_every_example_keeps_the_rules() -> None:
    checked = 0
    for (_, path), operation in OPERATIONS.items():
        holders = [*parameters(path, operation).values()]
        if "requestBody" in operation:
            holders.append(media(operation["requestBody"]))
        for status, response in operation["responses"].items():
            holders.append(content := media(response))
            assert examples(content) or status == "204"
        for holder in holders:
            for example in examples(holder).values():
                validator(holder["schema"]).validate(example)
                checked += 1
    assert checked > 100


UPLOAD = {"device_id": DEVICE_ID, **point()}


@pytest.mark.parametrize(("field", "value"), cases(BAD_REGISTRATION))
def test_it_refuses_bad_registrations(field: str, value: object) -> None:
    assert not named("Registration").is_valid(replaced(registration(DEVICE_ID, "family"), field, value))


@pytest.mark.parametrize(("field", "value"), cases(GOOD_REGISTRATION))
def test_it_takes_good_registrations(field: str, value: object) -> None:
    named("Registration").validate(replaced(registration(DEVICE_ID, "family"), field, value))


@pytest.mark.parametrize(("field", "value"), cases(BAD_POINT))
def test_it_refuses_bad_points(field: str, value: object) -> None:
    known = (field, value) in OUT_OF_TIME and not isinstance(value, bool)
    body = replaced(UPLOAD, field, value)
    assert named("Upload").is_valid(body) == known
    assert named("Batch").is_valid({"device_id": DEVICE_ID, "locations": [point(), body]}) == known


@pytest.mark.parametrize(("field", "value"), cases(GOOD_POINT))
def test_it_takes_good_points(field: str, value: Any) -> None:
    body = replaced(UPLOAD, field, value[0] if isinstance(value, tuple) else value)
    named("Upload").validate(body)
    named("Batch").validate({"device_id": DEVICE_ID, "locations": [body]})


@pytest.mark.parametrize("count", [0, 1, 50, 51])
def test_it_knows_how_many_points_a_batch_may_have(count: int) -> None:
    points = [point(now_ms() - position) for position in range(count)]
    assert named("Batch").is_valid({"device_id": DEVICE_ID, "locations": points}) == (1 <= count <= 50)
