"""The rules of the fields of requests, as values that just keep and values that break them."""

from __future__ import annotations

from typing import Any, Final

import pytest


class Missing:
    """Stands for a field that is left out."""

    def __repr__(self) -> str:
        """How a test's name shows it."""
        return "missing"


MISSING: Final = Missing()

DEVICE_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
FLOAT4_MAX = 3.4028235e38  # as PostgreSQL writes it
FLOAT4_STORED = 3.4028234663852886e38

NOT_STRINGS = [0, 12, 1.5, True, [], ["text"], {}, {"a": 1}]
NOT_NUMBERS = ["", "1", "NaN", True, False, [], [1], {}]

BAD_DEVICE_IDS: list[Any] = [
    MISSING, None, "", "device", *NOT_STRINGS, "00000000",
    DEVICE_ID.replace("-", ""), f"{{{DEVICE_ID}}}", f"urn:uuid:{DEVICE_ID}", f" {DEVICE_ID}", f"{DEVICE_ID}\n",
    DEVICE_ID[:-1], f"{DEVICE_ID}0", DEVICE_ID.replace("f", "g"), DEVICE_ID.replace("-", "_"),
    DEVICE_ID.replace("6", "٦"),
]  # fmt: skip

BAD_GROUP_IDS: list[Any] = [
    MISSING, None, "", "g", "g" * 51, "two words", "ab\n", " ab", "ab ", "a.b", "a/b", "groß", "группа",
    "a\x7fb", *NOT_STRINGS,
]  # fmt: skip

BAD_REGISTRATION: dict[str, list[Any]] = {
    "device_id": BAD_DEVICE_IDS,
    "display_name": [MISSING, None, "", " ", "x", " x ", "\t\n x\u2003\u00a0", "x" * 51, "😀" * 51, *NOT_STRINGS],
    "group_id": BAD_GROUP_IDS,
    "platform": ["", "p" * 21, *NOT_STRINGS],
    "fcm_token": ["t" * 4097, *NOT_STRINGS],
}

GOOD_REGISTRATION: dict[str, list[Any]] = {
    "display_name": ["ab", "x" * 50, "😀" * 50, "Mum's phone", "Łódź 東京", "a\u0301b", "a\tb"],
    "group_id": ["ab", "g" * 50, "AZaz09_-", "--", "__"],
    "platform": ["i", "p" * 20, "iOS", "😀"],
    "fcm_token": ["", "t", "t" * 4096, "a:b_c-d"],
}

BAD_POINT: dict[str, list[Any]] = {
    "timestamp": [
        MISSING, None, *NOT_NUMBERS, 0, -1, 1.5, 1_764_066_600_000.5, 1e15, 10**30, -(10**30),
        "2025-11-25T10:30:00Z",
    ],
    "latitude": [MISSING, None, *NOT_NUMBERS, 90.0000001, -90.0000001, 91, -91, 1e300, 10**40],
    "longitude": [MISSING, None, *NOT_NUMBERS, 180.0000001, -180.0000001, 181, -181, -1e300, 10**40],
    "accuracy": [MISSING, None, *NOT_NUMBERS, -0.001, -1, 3.4028236e38, 1e39, 1e308],
    "altitude": [*NOT_NUMBERS, 10**309, -(10**309)],
    "bearing": [*NOT_NUMBERS, -0.001, 360.001, -1, 361],
    "speed": [*NOT_NUMBERS, -0.001, 3.4028236e38],
    "provider": ["p" * 51, "😀" * 51, *NOT_STRINGS],
    "network_type": ["n" * 51, *NOT_STRINGS],
    "battery_level": [*NOT_NUMBERS, -2, 101, 50.5, -1.5, -2147483649, 2147483648, 10**30],
}  # fmt: skip

# As it goes in, or (as it goes in, as it is stored). Numbers are such that float4 holds them.
GOOD_POINT: dict[str, list[Any]] = {
    "latitude": [90, -90, 0, 90.0, -89.99999999999999, 45.123456789012345],
    "longitude": [180, -180, 0, 179.99999999999997, -0.000000000000001],
    "accuracy": [0, 0.5, 1000000, 3.4028234e38, (FLOAT4_MAX, FLOAT4_STORED), (1e-300, 0.0)],
    "altitude": [None, MISSING, 0, -430.5, 8848.86, 1.7976931348623157e308, -1.7976931348623157e308],
    "bearing": [None, MISSING, 0, 360, 359.5],
    "speed": [None, MISSING, 0, 343.25, (FLOAT4_MAX, FLOAT4_STORED)],
    "provider": [None, MISSING, "", "gps", "p" * 50, "😀" * 50],
    "network_type": [None, MISSING, "", "LTE", "n" * 50],
    "battery_level": [None, MISSING, 0, 100, (55.0, 55), (-1, None), (-2147483648, None), (-1.0, None)],
}  # fmt: skip

OPTIONAL_OF_POINT = ["altitude", "bearing", "speed", "provider", "network_type", "battery_level"]


def replaced(body: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    """The body with a field replaced, or left out for MISSING."""
    others = {name: given for name, given in body.items() if name != field}
    return others if value is MISSING else {**others, field: value}


def cases(rules: dict[str, list[Any]]) -> list[Any]:
    """A test's parameters: each field with each of its values, with names that stay short."""
    return [
        pytest.param(field, value, id=f"{field}-{position}-{ascii(value)[:24]}")
        for field, values in rules.items()
        for position, value in enumerate(values)
    ]
