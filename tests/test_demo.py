"""The replay tool without a server: reading tracks, moving their times, and sending again what was not answered."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from demo import cli, moments, phones, report, tracks, uplink

NOW_MS = 1_764_066_600_000
DAY_MS = 86_400_000


def gpx(path: Path, *segments: list[str], tag: str = "trk") -> Path:
    """A file of points given by their attributes and children: `lat="1" lon="2"|<ele>3</ele>`."""
    point = "trkpt" if tag == "trk" else "rtept"
    parts = ["".join("<{0} {1}>{2}</{0}>".format(point, *p.partition("|")[::2]) for p in s) for s in segments]
    inner = "".join(f"<trkseg>{part}</trkseg>" for part in parts) if tag == "trk" else "".join(parts)
    path.write_text(f'<?xml version="1.0"?><gpx version="1.1"><{tag}>{inner}</{tag}></gpx>', encoding="utf-8")
    return path


def at(metres_north: float, time: str = "", extra: str = "") -> str:
    """A point some metres north of 45 degrees, at a time of one day."""
    stamp = f"<time>2020-01-01T{time}Z</time>" if time else ""
    return f'lat="{45 + metres_north / 111_319.5:.9f}" lon="15"|{extra}{stamp}'


def walk(path: Path, count: int, name: str = "walk") -> tracks.Track:
    return tracks.read_track(
        gpx(path / f"{name}.gpx", [at(i * 10, f"10:{i // 60:02}:{i % 60:02}") for i in range(count)])
    )


class TestTracks:
    def test_shipped_track(self) -> None:
        for path in cli.SHIPPED.glob("*.gpx"):
            track = tracks.read_track(path)
            assert len(track.points) >= 40
            assert (track.made_times, track.repeated) == (0, 0)
            assert all(point.altitude is not None for point in track.points)
            assert 2 <= len(track.display_name) <= 50

    def test_times_keep_their_distance_and_end_at_the_moment(self, tmp_path: Path) -> None:
        track = tracks.read_track(
            gpx(tmp_path / "a.gpx", [at(0, "10:00:00"), at(10, "10:00:08.5"), at(20, "10:01:00")])
        )
        stamps = [point.as_location(NOW_MS)["timestamp"] for point in track.points]
        assert stamps == [NOW_MS - 60_000, NOW_MS - 51_500, NOW_MS]

    def test_a_point_is_a_complete_upload(self, tmp_path: Path) -> None:
        first, second = tracks.read_track(
            gpx(tmp_path / "a.gpx", [at(0, "10:00:00"), at(20, "10:00:10", "<ele>7.5</ele><hdop>1.5</hdop>")])
        ).points
        assert first.as_location(NOW_MS) == {
            "timestamp": NOW_MS - 10_000, "latitude": 45.0, "longitude": 15.0, "accuracy": 5.0, "altitude": None,
            "bearing": None, "speed": None, "provider": "gps", "battery_level": 95, "network_type": None,
        }  # fmt: skip
        assert (second.altitude, second.accuracy, second.bearing, second.speed) == (7.5, 7.5, 0.0, 2.0)

    def test_tracks_and_segments_are_one_walk_without_motion_over_the_gaps(self, tmp_path: Path) -> None:
        path = gpx(tmp_path / "a.gpx", [], [at(0, "10:00:00"), at(10, "10:00:10")], [], [at(500, "10:00:20")])
        points = tracks.read_track(path).points
        assert [point.before_end_ms for point in points] == [20_000, 10_000, 0]
        assert [point.speed for point in points] == [None, 1.0, None]
        assert points[2].bearing is None

    def test_points_are_sorted_by_time(self, tmp_path: Path) -> None:
        path = gpx(tmp_path / "a.gpx", [at(0, "10:00:30"), at(10, "10:00:00"), at(20, "10:00:10")])
        assert [point.before_end_ms for point in tracks.read_track(path).points] == [30_000, 20_000, 0]

    def test_points_of_one_time_are_kept_in_order_and_counted(self, tmp_path: Path) -> None:
        path = gpx(tmp_path / "a.gpx", [at(0, "10:00:00"), at(10, "10:00:05"), at(99, "10:00:05"), at(20, "10:00:09")])
        track = tracks.read_track(path)
        assert len(track.points) == 4
        assert track.repeated == 1
        assert track.points[1].latitude < track.points[2].latitude

    def test_without_times_a_walker_sets_the_pace(self, tmp_path: Path) -> None:
        track = tracks.read_track(gpx(tmp_path / "a.gpx", [at(0), at(14), at(14), at(50_000)]))
        assert track.made_times == 4
        assert [p.before_end_ms for p in track.points] == [611_000, 601_000, 600_000, 0]  # at least 1 s, at most 600 s
        assert [p.speed for p in track.points] == [None] * 4
        assert [p.bearing for p in track.points] == [None, 0.0, None, None]

    def test_missing_times_are_filled(self) -> None:
        steps = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        assert tracks.filled([None, None, 100.0, None, None, 130.0, None], steps) == [97, 98, 100, 110, 120, 130, 136]

    def test_a_route_is_walked_too(self, tmp_path: Path) -> None:
        assert len(tracks.read_track(gpx(tmp_path / "a.gpx", [at(0), at(10)], tag="rte")).points) == 2

    def test_the_battery_only_falls(self, tmp_path: Path) -> None:
        track = tracks.read_track(gpx(tmp_path / "a.gpx", [at(0, "00:00:00"), at(0, "01:00:00"), at(0, "23:00:00")]))
        assert [point.battery_level for point in track.points] == [95, 85, 5]

    def test_thinning_keeps_times_and_ends(self, tmp_path: Path) -> None:
        whole = walk(tmp_path, 100)
        thin = whole.thinned(7)
        assert len(thin.points) == 7
        assert set(thin.points) <= set(whole.points)
        assert (thin.points[0], thin.points[-1]) == (whole.points[0], whole.points[-1])
        assert whole.thinned(1).points == whole.points[-1:]
        assert whole.thinned(100) is whole

    @pytest.mark.parametrize(
        ("name", "shown"), [("hill-walk", "Hill walk"), ("x", "Phone x"), ("--", "Phone"), ("y" * 80, "Y" + "y" * 49)]
    )
    def test_display_name(self, name: str, shown: str) -> None:
        assert tracks.Track(name, ()).display_name == shown

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("some text", "not a GPX file"),
            ("<gpx", "not a GPX file"),
            ("\x00\x01", "not a GPX file"),
            ("<kml><Document/></kml>", "no track or route with points"),
            ('<gpx version="1.1"><trk><trkseg/></trk></gpx>', "no track or route with points"),
            ('<gpx><trk><trkseg><trkpt lat="91" lon="0"/></trkseg></trk></gpx>', "point 1 of 1 .* no place on Earth"),
            ('<gpx><trk><trkseg><trkpt lat="nan" lon="0"/></trkseg></trk></gpx>', "point 1 of 1 .* no place on Earth"),
            ('<gpx><trk><trkseg><trkpt lon="0"/></trkseg></trk></gpx>', "not a GPX file"),
        ],
    )
    def test_what_is_no_track(self, tmp_path: Path, content: str, message: str) -> None:
        path = tmp_path / "a.gpx"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(tracks.TrackError, match=message):
            tracks.read_track(path)

    def test_a_missing_file_and_a_track_longer_than_the_window(self, tmp_path: Path) -> None:
        with pytest.raises(tracks.TrackError, match="No such file"):
            tracks.read_track(tmp_path / "none.gpx")
        years = [f'lat="1" lon="1"|<time>{year}-01-01T00:00:00Z</time>' for year in (1980, 2020)]
        with pytest.raises(tracks.TrackError, match="span 14,610"):
            tracks.read_track(gpx(tmp_path / "a.gpx", years))


class TestMoments:
    def claim(self, path: Path, track: tracks.Track, now_ms: int, *, group: str = "g", fresh: bool = False) -> int:
        return moments.claim(path / "dev" / "state.json", "host:1", group, [track], now_ms, fresh=fresh)[track.name]

    def test_the_first_moment_is_remembered(self, tmp_path: Path) -> None:
        track = walk(tmp_path, 3)
        assert self.claim(tmp_path, track, NOW_MS) == NOW_MS
        assert self.claim(tmp_path, track, NOW_MS + 5 * DAY_MS) == NOW_MS
        assert self.claim(tmp_path, track, NOW_MS + 7, group="other") == NOW_MS + 7
        assert self.claim(tmp_path, walk(tmp_path, 3, "new"), NOW_MS + 8) == NOW_MS + 8
        assert self.claim(tmp_path, track, NOW_MS + 9) == NOW_MS

    def test_fresh_begins_anew(self, tmp_path: Path) -> None:
        track = walk(tmp_path, 3)
        self.claim(tmp_path, track, NOW_MS)
        assert self.claim(tmp_path, track, NOW_MS + 1, fresh=True) == NOW_MS + 1
        assert self.claim(tmp_path, track, NOW_MS + 2) == NOW_MS + 1

    def test_a_moment_is_renewed_before_the_window_closes(self, tmp_path: Path) -> None:
        track = walk(tmp_path, 61)
        last_usable = NOW_MS + 29 * DAY_MS - 60_000
        self.claim(tmp_path, track, NOW_MS)
        assert self.claim(tmp_path, track, last_usable) == NOW_MS
        assert self.claim(tmp_path, track, last_usable + 1) == last_usable + 1

    def test_a_moment_ahead_of_a_clock_set_back_is_renewed(self, tmp_path: Path) -> None:
        track = walk(tmp_path, 3)
        self.claim(tmp_path, track, NOW_MS)
        assert self.claim(tmp_path, track, NOW_MS - DAY_MS) == NOW_MS - DAY_MS

    @pytest.mark.parametrize("content", ["{", "[1]", '{"host:1 g": 5}', '{"host:1 g": {"walk": "x"}}'])
    def test_a_damaged_file_is_not_overwritten(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "dev" / "state.json"
        path.parent.mkdir()
        path.write_text(content)
        with pytest.raises(moments.MomentsError, match="damaged"):
            self.claim(tmp_path, walk(tmp_path, 3), NOW_MS)
        assert path.read_text() == content

    def test_names_of_one_server(self) -> None:
        here = {moments.server_name(u) for u in ("http://localhost:80", "http://127.0.0.1", "http://[::1]/")}
        assert here == {"localhost:80"}
        assert moments.server_name("https://Phones.example/") == "phones.example:443"

    def test_the_phone_is_known_by_group_and_track(self) -> None:
        one, two = tracks.Track("one", ()), tracks.Track("two", ())
        assert moments.device_id("g", one) == moments.device_id("g", one)
        assert len({moments.device_id(g, t) for g in ("g", "h") for t in (one, two)}) == 4


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


class TestCommand:
    def test_errors_are_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main([str(tmp_path / "none.gpx")]) == 2
        assert cli.main(["--api-key-file", str(tmp_path / "none")]) == 2
        errors = capsys.readouterr().err.splitlines()
        assert [line.startswith("replay: ") for line in errors] == [True, True]

    def test_two_files_of_one_name(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(gpx(tmp_path / "a.gpx", [at(0)]))
        assert cli.main([path, path]) == 2
        assert "two files are named a" in capsys.readouterr().err

    def test_the_key_file_is_stripped_and_checked(self, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text("pm_abc\n")
        assert cli._api_key(file) == "pm_abc"
        file.write_text("two words\n")
        with pytest.raises(uplink.ReplayError, match="does not hold an API key"):
            cli._api_key(file)

    def test_names_cannot_steer_the_terminal(self) -> None:
        assert report.printable("a\x1b[2Jb\n") == "a?[2Jb?"
