"""A connection whose server has said farewell, and of which nothing more is heard: an answer, then a new connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proxy import proxied
from tests.server import serve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database


async def test_after_a_farewell_a_new_connection_is_made(database: Database, tmp_path: Path) -> None:
    key = await database.create_key(rate_limit=1000)
    async with (
        proxied(database.api_url) as (proxy, url),
        serve(url, tmp_path, database__max_connections="1") as server,
        server.client(key) as client,
    ):
        for _ in range(3):
            assert (await client.get("/api/v1/devices", params={"group_id": "group"})).status_code == 200
            proxy.say_farewell()
            answer = await client.get("/api/v1/devices", params={"group_id": "group"})
            assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
