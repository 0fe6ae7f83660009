"""Reading tracks."""

from pathlib import Path

import pytest

from demo import cli, tracks
from tests.gpx_files import NOW_MS, at, gpx, walk


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
