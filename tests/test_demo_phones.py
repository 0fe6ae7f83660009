"""Sending a track without a server, and sending again what was not answered."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from demo import phones, tracks, uplink
from tests.gpx_files import NOW_MS, walk


class Server(httpx.AsyncBaseTransport):
    """Stores points as the real one does; `fault` may answer instead, before or after a request is carried out."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], dict[str, object]] = {}
        self.answers: dict[str, dict[str, object]] = {}
        self.requests: list[httpx.Request] = []
        self.before: Callable[[int], httpx.Response | None] = lambda _: None
        self.after: Callable[[int], httpx.Response | None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        number = len(self.requests)
        if early := self.before(number):
            return early
        body = json.loads(await request.aread() or b"{}")
        key = request.headers.get("Idempotency-Key")
        answer = self.answers.get(key) if key else None
        if answer is None:
            answer = self._store(body["device_id"], body.get("locations", [body]))
        if key:
            self.answers[key] = answer
        return self.after(number) or httpx.Response(200, json=answer)

    def _store(self, device_id: str, points: list[dict[str, int]]) -> dict[str, object]:
        before = len(self.points)
        self.points.update({(device_id, point["timestamp"]): {**point} for point in points})
        duplicates = len(points) - (len(self.points) - before)
        answer: dict[str, object] = {"success": True, "processed_count": len(points)}
        return answer | {"duplicate_count": duplicates} if duplicates else answer


def sent(server: Server, track: tracks.Track, singles: int) -> phones.Tally:
    phone = phones.Phone(track, "5b0f3c86-6a5e-4f0e-9d2a-0c7f6f1f6f6d", singles, NOW_MS)

    async def run() -> None:
        async with uplink.Uplink("http://test", "key", transport=server) as link:
            await phone.replay(link, phones.Pace(0))

    asyncio.run(run())
    return phone.tally


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(phones, "_pause", lambda _: 0.0)
    return Server()


def answer(status: int, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json={"error": "x", "message": "m"}, headers=headers)


class TestPhones:
    def test_the_common_phone(self, server: Server, tmp_path: Path) -> None:
        assert sent(server, walk(tmp_path, 120), 120) == phones.Tally(stored=120)
        assert {request.url.path for request in server.requests} == {"/api/v1/locations"}
        assert len(server.requests) == 120
        assert not any("Idempotency-Key" in request.headers for request in server.requests)
        assert {request.headers["Content-Type"] for request in server.requests} == {"application/json"}

    def test_the_batching_phone(self, server: Server, tmp_path: Path) -> None:
        assert sent(server, walk(tmp_path, 120), 0) == phones.Tally(stored=120)
        assert [len(json.loads(request.content)["locations"]) for request in server.requests] == [50, 50, 20]
        assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 3

    @pytest.mark.parametrize("singles", [0, 40, 120])
    def test_a_second_replay_stores_nothing(self, server: Server, tmp_path: Path, singles: int) -> None:
        track = walk(tmp_path, 120)
        sent(server, track, singles)
        assert sent(server, track, singles) == phones.Tally(duplicates=120)
        assert len(server.points) == 120

    def test_a_lost_answer_to_a_batch_is_asked_for_under_the_same_key(self, server: Server, tmp_path: Path) -> None:
        server.after = lambda number: answer(500) if number == 1 else None
        assert sent(server, walk(tmp_path, 50), 0) == phones.Tally(stored=50, resent=50)
        assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
        assert server.requests[0].content == server.requests[1].content

    def test_a_lost_answer_to_a_point(self, server: Server, tmp_path: Path) -> None:
        server.after = lambda number: answer(500) if number == 2 else None
        assert sent(server, walk(tmp_path, 9), 9) == phones.Tally(stored=8, duplicates=1, resent=1)
        assert len(server.points) == 9

    @pytest.mark.parametrize("singles", [3, 0])
    def test_a_broken_connection_is_an_answer_lost(self, server: Server, tmp_path: Path, singles: int) -> None:
        def break_first(number: int) -> None:
            if number == 1:
                raise httpx.ReadError("broken")

        server.before = break_first
        tally = sent(server, walk(tmp_path, 3), singles)
        assert (tally.stored, tally.failed, tally.resent) == (3, 0, 1 if singles else 3)

    @pytest.mark.parametrize(("singles", "requests"), [(2, 12), (0, 6)])
    def test_after_five_more_attempts_points_are_given_up(
        self, server: Server, tmp_path: Path, singles: int, requests: int
    ) -> None:
        server.before = lambda _: answer(500)
        assert sent(server, walk(tmp_path, 2), singles) == phones.Tally(failed=2, resent=10)
        assert len(server.requests) == requests

    @pytest.mark.parametrize("singles", [1, 0])
    def test_what_is_refused_is_not_sent_again(self, server: Server, tmp_path: Path, singles: int) -> None:
        server.before = lambda _: answer(400)
        assert sent(server, walk(tmp_path, 1), singles) == phones.Tally(failed=1)
        assert len(server.requests) == 1

    def test_the_rate_limit_is_no_failure(self, server: Server, tmp_path: Path) -> None:
        server.before = lambda number: answer(429, {"Retry-After": "0"}) if number % 2 else None
        assert sent(server, walk(tmp_path, 20), 20) == phones.Tally(stored=20)

    def test_a_refused_key_stops_the_replay(self, server: Server, tmp_path: Path) -> None:
        server.before = lambda _: answer(401)
        with pytest.raises(uplink.ReplayError, match="API key"):
            sent(server, walk(tmp_path, 3), 3)

    def test_shares(self) -> None:
        assert phones.singles("single", [7, 8]) == [7, 8]
        assert phones.singles("batch", [7, 8]) == [0, 0]
        assert phones.singles("mixed", [100]) == [40]
        assert phones.singles("mixed", [100, 100, 5]) == [20, 0, 5]
        assert sum(phones.singles("mixed", [100] * 20)) <= 40


class TestWaiting:
    def test_retry_after_is_waited_for_by_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [100.0]
        heard: list[float] = []

        async def sleep(seconds: float) -> None:
            clock[0] += seconds

        monkeypatch.setattr("demo.uplink.time.monotonic", lambda: clock[0])
        monkeypatch.setattr("demo.uplink.asyncio.sleep", sleep)
        server = Server()
        server.before = lambda number: answer(429, {"Retry-After": "3"}) if number == 1 else None

        async def run() -> None:
            link = uplink.Uplink("http://test", "key", heard.append, server)
            await link.upload("locations", {"device_id": "d", "timestamp": 1})

        asyncio.run(run())
        assert clock[0] >= 103
        assert heard[0] == 3
        assert heard[-1] == 0

    @pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "http://x:99999", "http://x:y", ""])
    def test_what_is_no_address(self, url: str) -> None:
        with pytest.raises(uplink.ReplayError):
            uplink.Uplink(url, "key")
