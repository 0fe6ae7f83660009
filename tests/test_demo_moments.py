"""Moving a track to a moment, and remembering which."""

from pathlib import Path

import pytest

from demo import moments, tracks
from tests.gpx_files import DAY_MS, NOW_MS, walk


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
