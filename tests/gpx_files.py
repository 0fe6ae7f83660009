"""GPX files as the tests of the replay tool need them."""

from pathlib import Path

from demo import tracks

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
    """A track of so many points, ten metres and a second apart."""
    return tracks.read_track(
        gpx(path / f"{name}.gpx", [at(i * 10, f"10:{i // 60:02}:{i % 60:02}") for i in range(count)])
    )
