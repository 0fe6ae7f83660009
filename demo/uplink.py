"""What phones share: the connections, the API key, and the key's rate limit."""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Self

import httpx

ONE_MACHINE = ("127.0.0.1", "::1", "localhost")
LAST_PORT = 65_535
MOST_WAITS = 100  # refusals in a row for one request before it counts as lost


class ReplayError(Exception):
    """Nothing can be replayed; the text says why."""


class RefusedError(Exception):
    """The server will never take this request as it is."""


class LostError(Exception):
    """No answer, or none that tells: the request is to be sent again, and may have been carried out."""


class Uplink:
    """Sends requests; when the rate limit holds one back all wait, since all phones have one key."""

    def __init__(
        self,
        url: str,
        api_key: str,
        waiting: Callable[[float], None] = lambda _: None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`waiting` hears of the seconds left while the server wants to be left alone, and of 0 at the end."""
        self.url = url.rstrip("/")
        self._waiting = waiting
        self._open_at = 0.0
        # The commonest phone sends Content-Type with every request, those without a body too.
        headers = {"X-API-Key": api_key, "Content-Type": "application/json", "User-Agent": "phone-manager-demo"}
        try:
            base = httpx.URL(f"{self.url}/api/v1/")
            if base.scheme not in ("http", "https") or not base.host or (base.port or 0) > LAST_PORT:
                raise ReplayError(f"{url}: the address must look like http://127.0.0.1:8080")
            self._http = httpx.AsyncClient(
                base_url=base,
                headers=headers,
                timeout=httpx.Timeout(35, connect=5),  # the server gives up after 30 s
                transport=transport,
                trust_env=base.host not in ONE_MACHINE,  # no proxy knows the way to this machine
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise ReplayError(f"{url}: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def register(self, device_id: str, display_name: str, group: str) -> None:
        body = {"device_id": device_id, "display_name": display_name, "group_id": group, "platform": "android"}
        await self._first("POST", "devices/register", json={**body, "fcm_token": None})

    async def listing(self, group: str) -> list[dict[str, object]]:
        answer = await self._first("GET", "devices", params={"group_id": group})
        devices = answer.get("devices")
        if not isinstance(devices, list) or not all(isinstance(device, dict) for device in devices):
            raise ReplayError(f"{self.url} did not answer with a list of devices; is it a Phone Manager?")
        return devices

    async def upload(self, path: str, body: Mapping[str, object], key: str | None = None) -> tuple[int, int]:
        """How many points the server has stored and how many it had already; `key` is the idempotency key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.request("POST", path, json=body, headers=headers)
        processed, duplicates = answer.get("processed_count"), answer.get("duplicate_count", 0)
        if not isinstance(processed, int) or not isinstance(duplicates, int):
            raise LostError("the answer has no processed_count")
        return processed - duplicates, duplicates

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        for _ in range(MOST_WAITS):
            await self._let_pass()
            try:
                response = await self._http.request(method, path, json=json, params=params, headers=headers)
            except httpx.TransportError as error:
                raise LostError(f"no answer from {self.url}: {str(error) or type(error).__name__}") from error
            if response.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                self._open_at = max(self._open_at, time.monotonic() + _retry_after(response))
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                return _answer(response)
        raise LostError("held back by the rate limit again and again")

    async def _first(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """A request without which there is nothing to show."""
        try:
            return await self.request(method, path, json=json, params=params)
        except LostError as error:
            hint = "; start the server first: make run" if isinstance(error.__cause__, httpx.ConnectError) else ""
            raise ReplayError(f"{error}{hint}") from error
        except RefusedError as error:
            raise ReplayError(f"{method} {path}: {error}") from error

    async def _let_pass(self) -> None:
        if self._open_at <= time.monotonic():
            return
        while (left := self._open_at - time.monotonic()) > 0:
            self._waiting(left)
            await asyncio.sleep(min(left, 0.5))
        self._waiting(0)


def _answer(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        body = None
    fields: dict[str, object] = body if isinstance(body, dict) else {}
    status = response.status_code
    if status == HTTPStatus.OK and fields:
        return fields
    text = f"{status} {response.reason_phrase}: {fields.get('message', 'no answer of a Phone Manager')}"
    if isinstance(details := fields.get("details"), list):
        text += "".join(f"; {d.get('field')}: {d.get('message')}" for d in details[:3] if isinstance(d, dict))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise ReplayError(f"The server refuses the API key. {text}")
    if (response.is_redirect or response.is_client_error) and status != HTTPStatus.REQUEST_TIMEOUT:
        raise RefusedError(text)
    raise LostError(text)


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(float(int(response.headers["Retry-After"])), 0.0)
    except (KeyError, ValueError):
        return 1.0
