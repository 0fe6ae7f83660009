"""Reads a GPX file: one phone's points, oldest first, each with a time before the end of the track.

The tracks and segments of a file are one walk of one phone, in the order of the file; a file without tracks gives
its routes. Points without a time get one: between two recorded times they are spread evenly, before the first and
after the last they are a walker's pace apart. Points with the same time are kept and sent: to the server they are one
point, of which it keeps the first; `Track.repeated` counts the others.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Self

import gpxpy
from gpxpy.geo import get_course, haversine_distance
from gpxpy.gpx import GPX, GPXException, GPXRoutePoint, GPXTrackPoint

POLE, DATE_LINE = 90, 180  # the greatest latitude and longitude
WALKING_SPEED = 1.4  # m/s
SHORTEST_STEP, LONGEST_STEP = 1.0, 600.0  # seconds between two points whose times are made up
USUAL_ACCURACY = 5.0  # metres, also per unit of HDOP
WORST_HDOP = 1000  # receivers write huge numbers for "none"
LONGEST_GAP = 300.0  # seconds; over a longer gap neither speed nor bearing means anything
LEAST_MOVE = 2.0  # metres; below this a bearing is noise
TOP_SPEED = 350.0  # m/s, faster than an airliner: a jump of the receiver, not a speed
BATTERY_FULL, BATTERY_LEAST, MINUTES_PER_PERCENT = 95, 5, 6
LONGEST_TRACK_MS = 29 * 24 * 3_600_000  # the server takes points of the last 30 days


class TrackError(Exception):
    """A file that cannot be replayed; the text says why."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a phone knows about one moment; `before_end_ms` is 0 for the last point of its track."""

    before_end_ms: int
    latitude: float
    longitude: float
    accuracy: float
    altitude: float | None
    bearing: float | None
    speed: float | None
    battery_level: int

    def as_location(self, end_ms: int) -> dict[str, object]:
        """The body of an upload, had the track ended at `end_ms`; what is unknown is an explicit null."""
        return {
            "timestamp": end_ms - self.before_end_ms,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "accuracy": self.accuracy,
            "altitude": self.altitude,
            "bearing": self.bearing,
            "speed": self.speed,
            "provider": "gps",
            "battery_level": self.battery_level,
            "network_type": None,
        }


@dataclass(frozen=True, slots=True)
class Track:
    name: str
    points: tuple[Point, ...]
    made_times: int = 0

    @property
    def length_ms(self) -> int:
        return self.points[0].before_end_ms

    @property
    def repeated(self) -> int:
        return len(self.points) - len({point.before_end_ms for point in self.points})

    @property
    def display_name(self) -> str:
        """The name in words, 2 to 50 characters of them, as the server wants it."""
        words = " ".join(self.name.replace("_", " ").replace("-", " ").split())[:50].strip()
        return words[0].upper() + words[1:] if words[1:] else f"Phone {words}".strip()

    def thinned(self, most: int) -> Self:
        """At most `most` of the points, evenly chosen, the last always among them; their times do not change."""
        if len(self.points) <= most:
            return self
        last = len(self.points) - 1
        chosen = [round(i * last / (most - 1)) for i in range(most)] if most > 1 else [last]
        return replace(self, points=tuple(self.points[i] for i in chosen))


@dataclass(slots=True)
class _Fix:
    """A point as the file has it; `starts` a segment, `step` is the walk from the point before, in seconds."""

    source: GPXTrackPoint | GPXRoutePoint
    starts: bool
    step: float = SHORTEST_STEP
    at: float = 0.0

    @property
    def timed(self) -> bool:
        return self.source.time is not None


def read_track(path: Path) -> Track:
    fixes = _fixes(_parse(path))
    if not fixes:
        raise TrackError(f"{path}: no track or route with points; is it a GPX file?")
    for number, fix in enumerate(fixes, 1):
        place = fix.source.latitude, fix.source.longitude
        if not (abs(place[0]) <= POLE and abs(place[1]) <= DATE_LINE):  # nor is "nan", a number to the parser
            raise TrackError(f"{path}: point {number} of {len(fixes)} is at {place}, which is no place on Earth")
    for before, fix in pairwise(fixes):
        fix.step = min(max(_metres(before, fix) / WALKING_SPEED, SHORTEST_STEP), LONGEST_STEP)
    recorded = [_seconds(fix.source.time) for fix in fixes]
    for fix, at in zip(fixes, filled(recorded, [fix.step for fix in fixes]), strict=True):
        fix.at = at
    fixes.sort(key=lambda fix: fix.at)  # stable: points of one time stay in the order of the file
    points = tuple(_point(fixes, i) for i in range(len(fixes)))
    if points[0].before_end_ms > LONGEST_TRACK_MS:
        days = points[0].before_end_ms / 86_400_000
        raise TrackError(f"{path}: its times span {days:,.1f} days, the server takes points of the last 30 days only")
    return Track(path.stem, points, sum(not fix.timed for fix in fixes))


def filled(times: list[float | None], steps: list[float]) -> list[float]:
    """`times` with its gaps closed; `steps[i]` is the time from i-1 to i where nothing better is known."""
    known = [i for i, time in enumerate(times) if time is not None]
    result = [0.0 if time is None else time for time in times]
    first, last = (known[0], known[-1]) if known else (0, 0)
    for i in range(first - 1, -1, -1):
        result[i] = result[i + 1] - steps[i + 1]
    for i in range(last + 1, len(times)):
        result[i] = result[i - 1] + steps[i]
    for left, right in pairwise(known):
        for i in range(left + 1, right):
            result[i] = result[left] + (result[right] - result[left]) * (i - left) / (right - left)
    return result


def _parse(path: Path) -> GPX:
    try:
        # Only names can hold anything but ASCII, and they are not used: a foreign encoding does no harm.
        return gpxpy.parse(path.read_bytes().decode("utf-8", errors="replace"))
    except OSError as error:
        raise TrackError(f"{path}: {error.strerror or error}") from error
    except GPXException as error:
        raise TrackError(f"{path}: not a GPX file: {error}") from error


def _fixes(gpx: GPX) -> list[_Fix]:
    lines: list[list[GPXTrackPoint | GPXRoutePoint]] = [[*s.points] for t in gpx.tracks for s in t.segments]
    if not any(lines):
        lines = [[*route.points] for route in gpx.routes]
    return [_Fix(source, starts=i == 0) for line in lines for i, source in enumerate(line)]


def _point(fixes: list[_Fix], i: int) -> Point:
    fix, source = fixes[i], fixes[i].source
    bearing, speed = _motion(fixes[i - 1], fix) if i else (None, None)
    if isinstance(source, GPXTrackPoint) and source.speed is not None and 0 <= source.speed <= TOP_SPEED:
        speed = source.speed  # GPX 1.0 files may have recorded it
    hdop = source.horizontal_dilution
    minutes = (fix.at - fixes[0].at) / 60
    return Point(
        before_end_ms=round(fixes[-1].at * 1000) - round(fix.at * 1000),
        latitude=source.latitude,
        longitude=source.longitude,
        accuracy=round(hdop * USUAL_ACCURACY, 1) if hdop is not None and 0 < hdop < WORST_HDOP else USUAL_ACCURACY,
        altitude=source.elevation if source.elevation is not None and math.isfinite(source.elevation) else None,
        bearing=None if bearing is None else round(bearing, 1),
        speed=None if speed is None else round(speed, 2),
        battery_level=max(BATTERY_LEAST, BATTERY_FULL - int(minutes / MINUTES_PER_PERCENT)),
    )


def _motion(before: _Fix, fix: _Fix) -> tuple[float | None, float | None]:
    """Bearing and speed on the way to `fix`; None where the way there is not known or says nothing."""
    seconds, metres = fix.at - before.at, _metres(before, fix)
    if fix.starts or not 0 < seconds <= LONGEST_GAP or metres / seconds > TOP_SPEED:
        return None, None
    a, b = before.source, fix.source
    course = get_course(a.latitude, a.longitude, b.latitude, b.longitude, loxodromic=False)
    return course if metres >= LEAST_MOVE else None, metres / seconds if before.timed and fix.timed else None


def _metres(a: _Fix, b: _Fix) -> float:
    return haversine_distance(a.source.latitude, a.source.longitude, b.source.latitude, b.source.longitude)


def _seconds(time: datetime | None) -> float | None:
    """Seconds since the epoch; a time without a zone is UTC, as GPX demands."""
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
