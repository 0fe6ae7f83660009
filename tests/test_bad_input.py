"""Bodies, content types, headers and addresses that no good client sends: always an answer of the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import now_ms, point, registration
from tests.contract import check_any_problem, check_headers, check_problem
from tests.raw_http import connect, request

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database
    from tests.server import Server

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
REGISTER = "/api/v1/devices/register"
ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
POSTS = [REGISTER, ONE, BATCH]
JSON = {"Content-Type": "application/json"}
NOT_JSON = "The request is not valid JSON, or holds a character that cannot be stored."
VALID: dict[str, Any] = {
    REGISTER: registration(DEVICE, "family"),
    ONE: {"device_id": DEVICE, **point()},
    BATCH: {"device_id": DEVICE, "locations": [point()]},
}


async def post(api: httpx.AsyncClient, path: str, content: bytes | str) -> httpx.Response:
    return await api.post(path, content=content, headers=JSON)


# What is no JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"{", b"}", b"nonsense", b"'text'", b'{"a": }', b'{"a": 1,}', b"[1 2]", b"{} {}", b"{a: 1}", b"\x00", b"   ",
     b"\n", b"01", b"+1", b".5", b"0x10", b"NaN", b"Infinity", b"-Infinity", b"True", b"// comment\n{}",
     b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"a": "\x01"}', b'{"a": "\x00"}', b'{"a": "\\u0000"}',
     b'{"\\u0000": 1}', b'{"a": "\\x41"}', b'{"a": "\\u00"}', b'{"a": "\xff"}', b'{"a": "\xc0\x80"}',
     b'{"a": "\xed\xa0\x80"}', b'{"a": "\xf4\x90\x80\x80"}', b"\xff", b'{"a": "\xe2\x82"}', b'{"a": "\\ud800"}',
     b'{"a": "\\udc00"}', b'{"a": "\\ud800\\u0041"}', b'{"a": "\\udc00\\ud800"}', b'{"\\ud83d": 1}'],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("path", POSTS)
async def test_what_is_no_json(api: httpx.AsyncClient, path: str, body: bytes) -> None:
    check_problem(await post(api, path, body), 400, message=NOT_JSON)


@pytest.mark.parametrize("field", ["latitude", "timestamp", "accuracy", "speed"])
@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e", "1.", "--1", "1_000"])
async def test_numbers_that_json_does_not_have(api: httpx.AsyncClient, field: str, literal: str) -> None:
    body = json.dumps(VALID[ONE] | {field: "@"}).replace('"@"', literal)
    check_problem(await post(api, ONE, body), 400, message=NOT_JSON)


# Numbers beyond all bounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e131000", "9" * 5000])
@pytest.mark.parametrize(
    "field", ["timestamp", "latitude", "longitude", "accuracy", "altitude", "bearing", "speed", "battery_level"]
)
async def test_numbers_too_large_for_a_field(
    api: httpx.AsyncClient, module_database: Database, field: str, number: str
) -> None:
    if field == "altitude" and number.startswith("9"):
        number = "9" * 310
    one = json.dumps(VALID[ONE] | {field: "@"}).replace('"@"', number)
    check_problem(await post(api, ONE, one), 400, fields=[field])
    points = [point(), VALID[ONE] | {field: "@"}]
    batch = json.dumps({"device_id": DEVICE, "locations": points}).replace('"@"', number)
    check_problem(await post(api, BATCH, batch), 400, fields=[f"locations[1].{field}"])
    assert await module_database.value("select count(*) from core.locations") == 0


@pytest.mark.parametrize("number", ["1e400000", "-1e999999999999", "1e-999999999999", "0e999999999999"])
async def test_numbers_that_the_database_cannot_hold(api: httpx.AsyncClient, number: str) -> None:
    answer = await post(api, ONE, json.dumps(VALID[ONE] | {"latitude": "@"}).replace('"@"', number))
    if answer.status_code != 404:  # 0 is a latitude, however written
        body = check_any_problem(answer)
        assert answer.status_code == 400
        assert number not in body["message"]


@pytest.mark.parametrize("number", ["1e-400", "-1e-400", "5e-324", "0." + "0" * 500 + "1", "-0", "0e5"])
async def test_numbers_too_small_for_a_field_are_zero(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str, number: str
) -> None:
    await module_database.call("register_device", registration(device_id, group))
    fields = ["latitude", "longitude", "accuracy", "altitude", "bearing", "speed"]
    if number.startswith("-1"):
        fields = ["latitude", "longitude", "altitude"]  # the others must not be below 0
    sent = {"device_id": device_id, "timestamp": now_ms(), "accuracy": 0, **dict.fromkeys(fields, "@")}
    answer = await post(api, ONE, json.dumps(sent).replace('"@"', number))
    assert answer.status_code == 200, answer.text
    (row,) = await module_database.fetch(
        f"select {', '.join(fields)} from core.locations where device_id = $1", device_id
    )
    assert dict(row) == dict.fromkeys(fields, 0)


# The structure of a body ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["[]", "[{}]", '""', '"text"', "0", "1.5", "true", "false", "null", "[[]]"])
@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_no_object(api: httpx.AsyncClient, path: str, body: str) -> None:
    check_problem(await post(api, path, body), 400, message="The request body must be a JSON object.")


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"device_id":', '{"locations":[', '{"locations":[{"latitude":'])
@pytest.mark.parametrize("path", POSTS)
async def test_10_000_levels(api: httpx.AsyncClient, path: str, opening: str) -> None:
    closing = "".join({"[": "]", "{": "}"}[character] for character in reversed(opening) if character in "[{")
    for body in (opening * 10_000 + "1" + closing * 10_000, opening * 10_000):
        answer = await post(api, path, body)
        assert answer.status_code == 400
        check_any_problem(answer)


async def test_of_fields_given_twice_the_last_one_counts(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    body = json.dumps(registration(device_id, group))[:-1] + ', "display_name": 5, "display_name": "Last"}'
    answer = await post(api, REGISTER, body)
    assert (answer.status_code, answer.json()["display_name"]) == (200, "Last")
    body = json.dumps(registration(device_id, group))[:-1] + ', "display_name": "First", "display_name": 5}'
    check_problem(await post(api, REGISTER, body), 400, fields=["display_name"])
    name = await module_database.value("select display_name from core.devices where device_id = $1", device_id)
    assert name == "Last"


async def test_nul_in_a_field_stores_nothing(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str
) -> None:
    for field in ("display_name", "platform", "fcm_token", "unknown"):
        check_problem(
            await api.post(REGISTER, json=registration(device_id, group) | {field: "a\0b"}), 400, message=NOT_JSON
        )
    assert await module_database.value("select count(*) from core.devices where group_id = $1", group) == 0


async def test_escapes_are_the_characters_they_stand_for(api: httpx.AsyncClient, device_id: str, group: str) -> None:
    body = json.dumps(registration(device_id, group, display_name="@")).replace("@", "\\u004d\\ud83d\\ude00m\\/")
    assert (await post(api, REGISTER, body)).json()["display_name"] == "M😀m/"


# Content types --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON", "Application/Json", "application/json; charset=utf-8",
     "application/json;charset=UTF-8", 'application/json; charset="utf-8"', "application/json; charset=utf8",
     "application/json; version=1", "application/json;", "application/json ; charset=us-ascii"],
)  # fmt: skip
async def test_content_types_of_json(api: httpx.AsyncClient, device_id: str, group: str, content_type: str) -> None:
    body = json.dumps(registration(device_id, group))
    answer = await api.post(REGISTER, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/jsonx", "application/x-json", "application/json+x",
     "application", "application/ld+json", "json", "*/*", "application/*", "multipart/form-data; boundary=x",
     "application/json, text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1",
     "application/json; charset=utf-16", "application/json; charset=", "text/plain; application/json",
     "application /json", "application/json\xe9", ";", "=", "application/json" * 600],
)  # fmt: skip
async def test_other_content_types(
    api: httpx.AsyncClient, module_database: Database, device_id: str, group: str, content_type: str | None
) -> None:
    headers = [] if content_type is None else [(b"Content-Type", content_type.encode("latin-1"))]
    body = json.dumps(registration(device_id, group)).encode()
    check_problem(await api.post(REGISTER, content=body, headers=headers), 415)
    assert await module_database.value("select count(*) from core.devices where group_id = $1", group) == 0


# Headers of 10 kB -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [("X-API-Key", 401), ("X-Request-ID", 200), ("Idempotency-Key", 200), ("Cookie", 200), ("Accept-Encoding", 200),
     ("Origin", 200), ("User-Agent", 200)],
)  # fmt: skip
async def test_a_header_of_10_kb(server: Server, api: httpx.AsyncClient, header: str, status: int) -> None:
    headers = {"X-API-Key": api.headers["X-API-Key"], header: "h" * 10_000}
    async with server.client() as client:
        answer = await client.get("/api/v1/devices?group_id=family", headers=headers)
    assert answer.status_code == status
    check_headers(answer)
    assert len(answer.headers["X-Request-ID"]) == 36


async def test_hundreds_of_headers(api: httpx.AsyncClient) -> None:
    headers = {f"X-Header-{n}": "value" for n in range(500)}
    assert (await api.get("/api/v1/devices?group_id=family", headers=headers)).status_code == 200


# Addresses ------------------------------------------------------------------------------------------------------------

RUBBISH = [
    "%00", "%ff", "%zz", "%", "%2", "%2f", "%2e%2e%2f", "..", "%0a", "%0d%0aX-Evil:1", "%E2%82", "%ED%A0%80",
    "%u0041", "'", "%22%5c", "%3Cscript%3E", "{}", "$1", "%25", "+", "a" * 15_000, "%F0%9F%98%80" * 500, "<", "|",
    "\\", "^", '"',
]  # fmt: skip


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda text: ascii(text)[:16])
async def test_rubbish_in_addresses(server: Server, module_database: Database, rubbish: str) -> None:
    key = f"X-API-Key: {await module_database.create_key(admin=True)}"
    for method, target, field in (
        ("DELETE", f"/api/v1/devices/{rubbish}", "device_id"),
        ("DELETE", f"/api/v1/devices/{DEVICE}{rubbish}", "device_id"),
        ("GET", f"/api/v1/devices/{rubbish}/data-export", "device_id"),
        ("DELETE", f"/api/v1/devices/{rubbish}/data", "device_id"),
        ("DELETE", f"/api/v1/admin/devices/inactive?older_than_days={rubbish}", "older_than_days"),
        ("GET", f"/api/v1/{rubbish}", None),
        ("GET", f"/{rubbish}", None),
        ("GET", f"/api/v1/devices?group_id={rubbish}", "group_id"),
        ("GET", f"/api/v1/devices?group_id=a{rubbish}b", "group_id"),
        ("GET", f"/api/v1/devices?{rubbish}=family", "group_id"),
        ("GET", f"/api/v1/devices?group_id={rubbish}&group_id={rubbish}&group_id={rubbish}", "group_id"),
        ("GET", f"/api/v1/devices?group_id=family&other={rubbish}", "none"),
    ):
        async with connect(server.port) as connection:
            await connection.send(request(method, target, key))
            answer = await connection.answer()
        assert answer is not None
        if answer.status_code == 200:
            assert field == "none"
            check_headers(answer)
            assert answer.json() == {"devices": []}
            continue
        body = check_any_problem(answer)
        assert answer.status_code in ((404, 405) if field is None else (400, 404)), target
        assert [entry["field"] for entry in body.get("details", [])] in ([], [field])
        assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("query", [f"group_id={first}&group_id=family" for first in ("x", "family", "", "%00")])
async def test_of_parameters_given_twice_the_last_one_counts(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/v1/devices?{query}")
    assert (answer.status_code, answer.json()) == (200, {"devices": []})
    check_problem(await api.get(f"/api/v1/devices?{query}&group_id=x"), 400, fields=["group_id"])


async def test_ten_thousand_parameters(api: httpx.AsyncClient) -> None:
    query = "&".join(f"p{n}=1" for n in range(5000)) + "&group_id=family"
    assert (await api.get(f"/api/v1/devices?{query}")).status_code == 200
