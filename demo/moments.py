"""When a track was first replayed: the moment its last point is moved to.

To the server a point is its device and its capture time. A second replay stores nothing twice only if it moves the
track to the same moment as the first, so that moment is kept in a file, for each server, group and track. It is
renewed when the track's first point nears the end of the 30 days the server keeps points, and with --fresh.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from demo.tracks import LONGEST_TRACK_MS, Track

PHONES = UUID("5b0f3c86-6a5e-4f0e-9d2a-0c7f6f1f6f6d")  # the namespace of the replayed phones' ids
MOST_AHEAD_MS = 60_000  # the server takes points up to five minutes ahead of its clock


class MomentsError(Exception):
    """The file of moments cannot be used; the text says why."""


def device_id(group: str, track: Track) -> UUID:
    """The same phone for the same group and track, wherever and whenever it is replayed."""
    return uuid5(PHONES, f"{group}/{track.name}".encode("utf-8", "replace").decode())


def server_name(url: str) -> str:
    """One name for one server: host and port, the spellings of this machine made equal."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = "localhost" if host in ("127.0.0.1", "::1") else host
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}{parts.path.rstrip('/')}"


def usable(end_ms: int, track: Track, now_ms: int) -> bool:
    return now_ms - LONGEST_TRACK_MS <= end_ms - track.length_ms and end_ms <= now_ms + MOST_AHEAD_MS


def claim(path: Path, server: str, group: str, tracks: Sequence[Track], now_ms: int, *, fresh: bool) -> dict[str, int]:
    """The end of each track in milliseconds since the epoch, by name: remembered, or now and remembered from here."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two first replays at once agree on one moment
            file.seek(0)
            known = _parsed(path, file.read())
            ends = known.setdefault(f"{server} {group}", {})
            stale = [track for track in tracks if fresh or not usable(ends.get(track.name, 0), track, now_ms)]
            ends.update((track.name, now_ms) for track in stale)
            if stale:
                file.seek(0)
                file.truncate()
                file.write(json.dumps(known, indent=2, sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise MomentsError(f"{path}: {error.strerror or error}") from error
    return {track.name: ends[track.name] for track in tracks}


def _parsed(path: Path, text: str) -> dict[str, dict[str, int]]:
    try:
        known = json.loads(text or "{}")
        return {str(place): {str(name): int(end) for name, end in ends.items()} for place, ends in known.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise MomentsError(f"{path} is damaged: remove it, and points are stored under new times") from error
