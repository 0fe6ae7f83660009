"""Groups and who is in them, made and seen without the functions under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster import Database

    Place = tuple[str, bool]
    """Group, and whether active there."""

FULL = "Group has reached maximum device limit (20)"


async def make_devices(database: Database, group: str, count: int, *, active: bool = True) -> list[str]:
    """Devices of a group; their ids."""
    rows = await database.fetch(
        """
        insert into core.devices (device_id, display_name, group_id, active)
        select gen_random_uuid(), 'Phone', $1, $3 from generate_series(1, $2) returning device_id::text as id
        """,
        group,
        count,
        active,
    )
    return [row["id"] for row in rows]


async def members(database: Database, group: str) -> set[str]:
    """The active devices of a group."""
    rows = await database.fetch("select device_id::text as id from core.devices where group_id = $1 and active", group)
    return {row["id"] for row in rows}


async def check_winner(database: Database, group: str, racers: dict[str, Place | None], winner: str) -> None:
    """The group is full, the winner is in it, and the losers are where they were."""
    rows = await database.fetch(
        "select device_id::text as id, group_id, active from core.devices where device_id::text = any($1)", list(racers)
    )
    expected = {racer: place for racer, place in racers.items() if place} | {winner: (group, True)}
    assert {row["id"]: (row["group_id"], row["active"]) for row in rows} == expected
    assert len(await members(database, group)) == 20
