"""The description of the API, as JSON and as a page that can try it: /api/openapi.json, /api/docs."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response
from starlette.routing import Route

from app.middleware import accepts_gzip

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

HERE = Path(__file__).parent

# What the page needs: its own files, small pictures in its style sheet, and requests to this server.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Page:
    """What everybody gets as it is. It is read and compressed once, when it is first asked for."""

    read: Callable[[], bytes]
    media_type: str
    headers: dict[str, str]

    @cached_property
    def content(self) -> tuple[bytes, bytes]:
        """The content, plain and compressed."""
        plain = self.read()
        return plain, gzip.compress(plain, mtime=0)

    async def answer(self, request: Request) -> Response:
        """Sends it."""
        plain, compressed = await asyncio.to_thread(lambda: self.content)
        headers = {**self.headers, "Vary": "Accept-Encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "").encode("latin-1")):
            return Response(compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=self.media_type)
        return Response(plain, headers=headers, media_type=self.media_type)


def routes() -> list[Route]:
    """The routes of the description and of the page."""
    current = {"Cache-Control": "no-cache"}
    kept = {"Cache-Control": "public, max-age=3600"}
    pages = {
        "/api/openapi.json": Page(_description, "application/json", current),
        "/api/docs": Page(
            (HERE / "viewer/index.html").read_bytes, "text/html", {**current, "Content-Security-Policy": POLICY}
        ),
        "/api/docs/start.js": Page((HERE / "viewer/start.js").read_bytes, "text/javascript", kept),
        "/api/docs/swagger-ui-bundle.js": Page(lambda: _swagger_ui("swagger-ui-bundle.js"), "text/javascript", kept),
        "/api/docs/swagger-ui.css": Page(lambda: _swagger_ui("swagger-ui.css"), "text/css", kept),
    }
    return [Route(path, page.answer) for path, page in pages.items()]


def _description() -> bytes:
    """docs/openapi.yaml; requests that a page makes from it go to the server it came from."""
    import yaml  # noqa: PLC0415  takes long, and few ask

    with (HERE.parent / "docs/openapi.yaml").open("rb") as file:
        description = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  a safe one
    return orjson.dumps({**description, "servers": [{"url": "/"}]})


def _swagger_ui(name: str) -> bytes:
    """A file of Swagger UI, which a package brings along; its Python is not run."""
    package = find_spec("swagger_ui")
    assert package is not None  # noqa: S101  the lock has it
    assert package.origin is not None  # noqa: S101
    return Path(package.origin).with_name("static").joinpath(name).read_bytes()
