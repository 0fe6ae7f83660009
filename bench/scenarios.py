"""The requests of each load. wrk, k6, pgbench and COPY all make theirs from here. Run, it prints those of k6.

Request number n is of device n % DEVICES at moment first + n // DEVICES, so no two requests upload the same point. A
moment is 100 seconds of a device's track: a batch fills its first 98, a single point is its end.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

GROUPS = 100  # of 10 devices each, and one full group of 20 after them
DEVICES = 1020
BATCH = 50
KEYS = 40

MOMENT_MS = 100_000

# Placeholders in a path or body, as long as what stands for them.
DEVICE = "@DEVICE____@"
GROUP = "@G@"
MOMENT = "@MOMENT@"


@dataclass(frozen=True)
class Call:
    """A request."""

    method: str
    path: str
    function: str = ""
    body: str = ""
    points: int = 0
    idempotent: bool = False
    """Whether the function takes a context, as those of uploads do."""


@dataclass(frozen=True)
class Scenario:
    """A load: calls in turn, with as many API keys."""

    title: str
    calls: tuple[Call, ...]
    keys: int = KEYS
    pgbench: bool = False
    """Whether its function, called by pgbench, is the yardstick."""

    @property
    def points(self) -> float:
        """Points of a request, on average."""
        return sum(call.points for call in self.calls) / len(self.calls)


def device_name(number: int) -> str:
    """What stands for DEVICE."""
    return f"{number:012d}"


def group_name(device: int) -> str:
    """What stands for GROUP: neighbours are in different groups, for neighbours are sent at the same time."""
    return f"{device % GROUPS if device < GROUPS * 10 else GROUPS:03d}"


def _point(milliseconds: int) -> dict[str, object]:
    return {
        "timestamp": f"{MOMENT}{milliseconds:05d}",
        "latitude": 45.27318 + milliseconds / 1e7,
        "longitude": f"13.{MOMENT}",
        "accuracy": 6.5,
        "altitude": 124.3,
        "bearing": 212.5,
        "speed": 13.9,
        "battery_level": 71,
        "provider": "fused",
        "network_type": "LTE",
    }


def _body(request: dict[str, object]) -> str:
    """JSON; numbers that hold a placeholder lose their quotes. A blank follows each colon, for pgbench's sake."""
    text = json.dumps(request)
    for name in ("timestamp", "longitude"):
        pieces = text.split(f'"{name}": "')
        text = pieces[0] + "".join(f'"{name}": ' + piece.replace('"', "", 1) for piece in pieces[1:])
    return text


_ID = f"00000000-0000-4000-8000-{DEVICE}"

SINGLE = Call(
    "POST",
    "/api/v1/locations",
    "upload_location",
    _body({"device_id": _ID, **_point(99_500)}),
    points=1,
    idempotent=True,
)
BATCH_OF_50 = Call(
    "POST",
    "/api/v1/locations/batch",
    "upload_locations",
    _body({"device_id": _ID, "locations": [_point(number * 2000) for number in range(BATCH)]}),
    points=BATCH,
    idempotent=True,
)
LISTING = Call(
    "GET", f"/api/v1/devices?group_id=bench-{GROUPS:03d}", "list_devices", f'{{"group_id": "bench-{GROUPS:03d}"}}'
)
LISTING_OF_ANY = Call(
    "GET", f"/api/v1/devices?group_id=bench-{GROUP}", "list_devices", f'{{"group_id": "bench-{GROUP}"}}'
)
REGISTRATION = Call(
    "POST",
    "/api/v1/devices/register",
    "register_device",
    _body(
        {
            "device_id": _ID,
            "display_name": f"Phone {DEVICE}",
            "group_id": f"bench-{GROUP}",
            "platform": "android",
            "fcm_token": f"{DEVICE}-" + "t" * 150,
        }
    ),
)
LIVE = Call("GET", "/api/health/live")

SCENARIOS = {
    "live": Scenario("no database (/api/health/live)", (LIVE,)),
    "singles": Scenario("single uploads", (SINGLE,), pgbench=True),
    "shared": Scenario("single uploads, one key", (SINGLE,), keys=1),
    "batches": Scenario("batches of 50", (BATCH_OF_50,), pgbench=True),
    "listings": Scenario("listings of 20", (LISTING,), pgbench=True),
    "groups": Scenario("listings of 101 groups", (LISTING_OF_ANY,), pgbench=True),
    "registrations": Scenario("registrations", (REGISTRATION,), pgbench=True),
    "mixed": Scenario(
        "mixed",
        (SINGLE, LISTING, SINGLE, REGISTRATION, LISTING, SINGLE, BATCH_OF_50, REGISTRATION, LISTING, SINGLE),
    ),
}


def mix() -> str:
    """The mixed load as scripts/load-test.js reads it."""
    in_turn = SCENARIOS["mixed"].calls
    calls = list(dict.fromkeys(in_turn))
    return json.dumps(
        {
            "devices": DEVICES,
            "day": 86_400_000 // MOMENT_MS,
            "groups": [group_name(device) for device in range(DEVICES)],
            "calls": [{"name": call.function, **asdict(call)} for call in calls],
            "order": [calls.index(call) for call in in_turn],
        }
    )


if __name__ == "__main__":
    print(mix())
