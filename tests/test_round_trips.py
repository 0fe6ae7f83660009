"""Whatever is valid comes back as it went in: points and registrations at random."""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import now_ms, registration
from tests.contract import TIME
from tests.examples import bounded

if TYPE_CHECKING:
    import httpx

    from tests.cluster import Database

REGISTER = "/api/v1/devices/register"
ONE = "/api/v1/locations"
BATCH = "/api/v1/locations/batch"
DAY_MS = 86_400_000

# White_Space of Unicode
BLANKS = "".join(
    map(chr, [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)

storable = st.characters(codec="utf-8", exclude_characters="\0")
short_text = st.none() | st.text(storable, max_size=50)


def within(lowest: float | None, highest: float | None) -> st.SearchStrategy[float | None]:
    """Numbers of a range, whole ones too."""
    whole = st.integers(
        -(10**6) if lowest is None else int(lowest), 10**6 if highest is None else int(min(highest, 10**6))
    )
    return whole.map(float) | st.floats(lowest, highest, allow_nan=False, allow_infinity=False)


points = st.fixed_dictionaries(
    {
        "age": st.integers(0, 29 * DAY_MS),
        "latitude": within(-90, 90),
        "longitude": within(-180, 180),
        "accuracy": within(0, 3.4e38),
    },
    optional={
        "altitude": st.none() | within(None, None),
        "bearing": st.none() | within(0, 360),
        "speed": st.none() | within(0, 3.4e38),
        "provider": short_text,
        "network_type": short_text,
        "battery_level": st.none() | st.integers(0, 100) | st.sampled_from([-1, -2147483648]),
        "transportation_mode": st.integers(),
    },
)
FLOAT4 = ("accuracy", "bearing", "speed")
FIELDS = (
    "latitude",
    "longitude",
    "accuracy",
    "altitude",
    "bearing",
    "speed",
    "provider",
    "network_type",
    "battery_level",
)


def float4(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def as_stored(sent: dict[str, Any]) -> dict[str, Any]:
    """What the database should hold of a point."""
    stored = {name: sent.get(name) for name in FIELDS}
    for name, value in stored.items():
        if isinstance(value, float):
            number = float(f"{value:.60f}")
            stored[name] = (0.0 if abs(number) <= 1e-37 else float4(number)) if name in FLOAT4 else number
    if (stored["battery_level"] or 0) < 0:
        stored["battery_level"] = None
    return stored


@bounded(40)
@given(batch=st.lists(points, min_size=1, max_size=8, unique_by=lambda one: one["age"]), single=st.booleans())
async def test_valid_points_come_back(
    api: httpx.AsyncClient,
    module_database: Database,
    batch: list[dict[str, Any]],
    single: bool,  # noqa: FBT001
) -> None:
    device, group, now = str(uuid.uuid4()), uuid.uuid4().hex, now_ms()
    await api.post(REGISTER, json=registration(device, group))
    sent = [{"timestamp": now - one["age"], **{name: one[name] for name in one if name != "age"}} for one in batch]
    if single:
        for one in sent:
            answer = await api.post(ONE, json={"device_id": device, **one})
            assert answer.json() == {"success": True, "processed_count": 1}, answer.text
    else:
        answer = await api.post(BATCH, json={"device_id": device, "locations": sent})
        assert answer.json() == {"success": True, "processed_count": len(sent)}, answer.text

    rows = await module_database.fetch(
        f"""select (extract(epoch from captured_at) * 1000)::bigint as timestamp, {", ".join(FIELDS)}
            from core.locations where device_id = $1 order by captured_at""",
        device,
    )
    expected = sorted(
        ({"timestamp": one["timestamp"], **as_stored(one)} for one in sent), key=lambda one: one["timestamp"]
    )
    assert [dict(row) for row in rows] == expected

    (listed,) = (await api.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    location = listed["last_location"]
    assert TIME.fullmatch(location.pop("timestamp"))
    for name in FLOAT4:
        location[name] = None if location[name] is None else float4(location[name])
    assert location == {name: expected[-1][name] for name in location}
    assert len(location) == 7


@bounded(60)
@given(
    name=st.text(storable, min_size=2, max_size=60).filter(lambda text: 2 <= len(text.strip(BLANKS)) <= 50),
    start_of_group=st.from_regex(r"[A-Za-z0-9_-]{0,18}", fullmatch=True),
    platform=st.text(storable, min_size=1, max_size=20),
    token=st.none() | st.text(storable, max_size=100),
)
async def test_valid_registrations_come_back(
    api: httpx.AsyncClient, module_database: Database, name: str, start_of_group: str, platform: str, token: str | None
) -> None:
    device, group = str(uuid.uuid4()), start_of_group + uuid.uuid4().hex
    answer = await api.post(
        REGISTER, json=registration(device, group, display_name=name, platform=platform, fcm_token=token)
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["display_name"], answer.json()["group_id"]) == (name.strip(BLANKS), group)
    (row,) = await module_database.fetch(
        "select display_name, group_id, platform, fcm_token from core.devices where device_id = $1", device
    )
    assert tuple(row) == (name.strip(BLANKS), group, platform, token)
    listed = (await api.get("/api/v1/devices", params={"group_id": group})).json()["devices"]
    assert (device, name.strip(BLANKS)) in [(one["device_id"], one["display_name"]) for one in listed]
