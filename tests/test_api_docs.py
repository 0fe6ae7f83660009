"""The description of the API over HTTP, and the page that shows it."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.api_description import DESCRIPTION, operations
from tests.contract import HEADERS

if TYPE_CHECKING:
    import httpx

    from tests.server import Server

DOCS = "/api/docs"


async def test_the_description_is_served(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {**DESCRIPTION, "servers": [{"url": "/"}]}


async def test_all_that_the_page_loads_comes_from_this_server(api: httpx.AsyncClient) -> None:
    page = await api.get(DOCS)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="(docs/[^"]*)"', page.text)
    assert len(loaded) == 3
    assert "http" not in page.text
    for name in loaded:
        answer = await api.get(f"/api/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/css" if name.endswith("css") else "text/javascript")


async def test_the_page_may_do_no_more_than_it_needs(api: httpx.AsyncClient) -> None:
    policy = (await api.get(DOCS)).headers.get_list("content-security-policy")
    assert len(policy) == 1
    rules = dict(rule.split(" ", 1) for rule in policy[0].split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy[0]
    assert rules["frame-ancestors"] == "'none'"


async def test_only_the_pages_have_headers_of_their_own(api: httpx.AsyncClient) -> None:
    for path in (DOCS, "/api/openapi.json", f"{DOCS}/start.js"):
        answer = await api.get(path)
        assert len(answer.headers.get_list("cache-control")) == 1
        for name in {*HEADERS} - {"Content-Security-Policy", "Cache-Control"}:
            assert answer.headers.get_list(name) == [HEADERS[name]]
    unknown = await api.get(f"{DOCS}/unknown.js")
    assert {name: unknown.headers[name] for name in HEADERS} == HEADERS


async def test_pages_are_compressed_for_who_takes_that(api: httpx.AsyncClient) -> None:
    async with api.stream("GET", f"{DOCS}/swagger-ui.css", headers={"Accept-Encoding": "gzip"}) as answer:
        compressed = b"".join([chunk async for chunk in answer.aiter_raw()])
    plain = await api.get(f"{DOCS}/swagger-ui.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(compressed) == plain.content


def test_a_browser_shows_every_operation(server: Server) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs a browser: apt-get install chromium")
    options = ["--headless", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    shown = subprocess.run(
        [browser, *options, f"{server.url}{DOCS}"], capture_output=True, text=True, timeout=60, check=True
    )
    for method, path, operation in operations():
        assert f'id="operations-{operation["tags"][0]}-{operation["operationId"]}"' in shown.stdout, (method, path)
    assert "Content Security Policy" not in shown.stderr
    assert "CONSOLE" not in shown.stderr
