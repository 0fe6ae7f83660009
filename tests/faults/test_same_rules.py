"""The HTTP answer to any JSON is what the function says when it is called in the database: no rule is Python's own."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import now_ms, point, registration
from tests.examples import bounded
from tests.field_rules import BAD_POINT, BAD_REGISTRATION, GOOD_POINT, GOOD_REGISTRATION, MISSING, replaced

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

REQUESTS = int(os.environ.get("PM_FAULT_REQUESTS", "3000"))
FEW = 200

DEVICE = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
GONE = "6f9619ff-8b86-4d01-b42d-00cf4fc964fe"
CROWD = 8  # uploads that share a call
FUNCTIONS = {
    "/api/v1/devices/register": "register_device",
    "/api/v1/locations": "upload_location",
    "/api/v1/locations/batch": "upload_locations",
}
UPLOADS = [path for path in FUNCTIONS if "locations" in path]

any_scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
any_json = st.recursive(
    any_scalar | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


def fields(*rules: dict[str, list[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """A field and a value for it, good or bad or anything."""
    cases = [(name, one[0] if isinstance(one, tuple) else one) for rule in rules for name in rule for one in rule[name]]
    return st.sampled_from(cases) | st.tuples(st.sampled_from([name for name, _ in cases]) | any_text, any_json)


@st.composite
def any_body(draw: st.DrawFn, path: str) -> Any:
    """A body that is good but for a few fields, or anything."""
    if not draw(st.integers(0, 19)):
        return draw(any_json)
    rules = (BAD_REGISTRATION, GOOD_REGISTRATION) if path not in UPLOADS else (BAD_POINT, GOOD_POINT)
    body: dict[str, Any] = {"device_id": draw(st.sampled_from([DEVICE, DEVICE, GONE]))}
    count = draw(st.sampled_from([1, 2, 3, 51])) if path.endswith("batch") else 1
    parts = [registration(DEVICE, "family") if path not in UPLOADS else point(now_ms() - n) for n in range(count)]
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, count - 1))
        name, value = draw(fields(*rules))
        parts[position] = replaced(parts[position], name, value)
    if path.endswith("batch"):
        body["locations"] = draw(st.sampled_from([parts, parts, parts, parts, [], MISSING, None, parts[0]]))
        return replaced(body, "locations", body["locations"])
    return body | parts[0]


async def direct(database: Database, path: str, body: bytes) -> tuple[int, Any]:
    """What the function says, called in a transaction that is rolled back: status and body."""
    async with database.cluster.session(database.name) as session:
        work = session.transaction()
        await work.start()
        try:
            answer = await session.fetchval(f"select answer from api.{FUNCTIONS[path]}($1::jsonb)", body.decode())
            return 200, json.loads(answer)
        except asyncpg.PostgresError as error:
            sqlstate = error.sqlstate or ""
            if not sqlstate.startswith("PT"):
                return 400, sqlstate
            details = {"details": json.loads(error.detail)} if error.detail else {}
            return int(sqlstate[2:]), {"message": error.message, **details}
        finally:
            await work.rollback()


def same(answer: httpx.Response, said: tuple[int, Any]) -> None:
    """Status, message and details are what the function said; what was stored before does not count."""
    status, body = said
    assert answer.status_code == status, (answer.text, said)
    given_body = answer.json()
    if status == 200:
        for name in ("created_at", "updated_at", "duplicate_count"):
            given_body.pop(name, None)
            body.pop(name, None)
    elif isinstance(body, str):  # an error of PostgreSQL's own, such as a number that it cannot hold
        assert body.startswith(("22", "54")), body
        return
    else:
        given_body.pop("error")
    assert given_body == body


@pytest_asyncio.fixture(scope="module", autouse=True)
async def known_device(module_database: Database) -> None:
    """A device that is registered, and one that has left."""
    for device in (DEVICE, GONE):
        await module_database.call("register_device", registration(device, "family"))
    await module_database.call("deactivate_device", {"device_id": GONE})


async def compare(api: httpx.AsyncClient, database: Database, path: str, bodies: list[Any]) -> None:
    """Sends bodies at the same moment, and holds each answer against the function's."""
    contents = [json.dumps(body).encode() for body in bodies]
    said = [await direct(database, path, content) for content in contents]
    json_type = {"Content-Type": "application/json"}
    answers = await asyncio.gather(*(api.post(path, content=content, headers=json_type) for content in contents))
    for answer, one in zip(answers, said, strict=True):
        same(answer, one)


@bounded(FEW)
@given(data=st.data(), path=st.sampled_from([*FUNCTIONS]))
async def test_alone(api: httpx.AsyncClient, module_database: Database, data: st.DataObject, path: str) -> None:
    await compare(api, module_database, path, [data.draw(any_body(path))])


@bounded(FEW // CROWD)
@given(data=st.data(), path=st.sampled_from(UPLOADS))
async def test_together(api: httpx.AsyncClient, module_database: Database, data: st.DataObject, path: str) -> None:
    await compare(api, module_database, path, [data.draw(any_body(path)) for _ in range(CROWD)])


@pytest.mark.long
@pytest.mark.timeout(3600)
@bounded(REQUESTS // CROWD // 4)
@given(data=st.data(), path=st.sampled_from(UPLOADS))
async def test_many_together(api: httpx.AsyncClient, module_database: Database, data: st.DataObject, path: str) -> None:
    await compare(api, module_database, path, [data.draw(any_body(path)) for _ in range(CROWD)])
