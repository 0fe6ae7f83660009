"""Who the client is: the address of the connection, or what a trusted proxy tells."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from app import __main__ as program
from app import config
from tests.raw_http import connect, request
from tests.server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

PEER = "127.0.0.1"


async def tell_client(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the address of the client."""
    assert scope["client"] is not None
    await PlainTextResponse(scope["client"][0])(scope, receive, send)


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, trusted: list[str]) -> AsyncIterator[int]:
    """The port of a server that is run as the program runs it, and tells who the client is."""
    for name in [name for name in os.environ if name.startswith(config.PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PM__DATABASE__URL", "postgresql:///unused")
    monkeypatch.setenv("PM__SERVER__PORT", str(free_port()))
    monkeypatch.setenv("PM__SECURITY__TRUSTED_PROXIES", orjson.dumps(trusted).decode())
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own variable has no say
    settings = config.load()
    server = uvicorn.Server(uvicorn.Config(tell_client, lifespan="off", **program.options(settings)))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not task.done()
            await asyncio.sleep(0.01)
        yield settings.server.port
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        ([], ["203.0.113.7"], PEER),
        (["10.0.0.0/8"], ["203.0.113.7"], PEER),
        (["::1"], ["203.0.113.7"], PEER),
        ([PEER], [], PEER),
        ([PEER], ["203.0.113.7"], "203.0.113.7"),
        (["127.0.0.0/8"], ["2001:db8::7"], "2001:db8::7"),
        (["0.0.0.0/0"], ["203.0.113.7"], "203.0.113.7"),
        ([PEER], ["203.0.113.7", "198.51.100.9"], "198.51.100.9"),  # what the client itself claimed comes first
        ([PEER], ["203.0.113.7, 198.51.100.9"], "198.51.100.9"),
        ([PEER, "198.51.100.0/24"], ["203.0.113.7, 198.51.100.9"], "203.0.113.7"),
    ],
)
async def test_the_client(
    monkeypatch: pytest.MonkeyPatch, trusted: list[str], forwarded: list[str], client: str
) -> None:
    async with serving(monkeypatch, trusted) as port, connect(port) as connection:
        await connection.send(request("GET", "/", *(f"X-Forwarded-For: {value}" for value in forwarded)))
        answer = await connection.answer()
    assert answer is not None
    assert answer.text == client
