"""The options of scripts/replay, and the order of events: read, register, remember the moment, upload, show."""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from demo import moments, report
from demo.moments import MomentsError
from demo.phones import Pace, Phone, singles
from demo.report import Screen
from demo.tracks import Track, TrackError, read_track
from demo.uplink import ReplayError, Uplink

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "demo" / "tracks"
KEY_FILE = ROOT / ".dev" / "api-key"
RUN_STATE = ROOT / ".dev" / "run.state"  # its first line is where the server is
STATE_FILE = ROOT / ".dev" / "demo-anchor.json"
SECONDS_OF_REPLAY = 10  # unless --speed says otherwise


def main(argv: Sequence[str] | None = None) -> int:
    options = _options().parse_args(argv)
    out = report.console()
    try:
        phones = _phones(options, [read_track(path) for path in options.files or sorted(SHIPPED.glob("*.gpx"))])
        return asyncio.run(_replay(options, phones, _api_key(options.api_key_file), out))
    except (TrackError, MomentsError, ReplayError) as error:
        return _end(2, str(error))
    except KeyboardInterrupt:
        return _end(130, "stopped; the next replay sends what is missing")


def _end(status: int, why: str) -> int:
    sys.stderr.write(f"replay: {report.printable(why)}\n")
    return status


async def _replay(options: argparse.Namespace, phones: list[Phone], api_key: str, out: Console) -> int:
    screen = Screen(out, phones)
    async with Uplink(options.url, api_key, screen.waiting) as uplink:
        with screen:
            for phone in phones:
                await uplink.register(phone.device_id, phone.track.display_name, options.group)
            _remember_moments(options, phones, out)
            await _upload(phones, uplink, _speed(options.speed, phones))
        report.summary(out, phones)
        for phone in phones:
            _remarks(out, phone.track)
        report.listing(out, options.group, await uplink.listing(options.group), datetime.now(UTC))
    return 1 if any(phone.tally.failed for phone in phones) else 0


async def _upload(phones: list[Phone], uplink: Uplink, speed: float) -> None:
    pace = Pace(speed)
    try:
        async with asyncio.TaskGroup() as walks:
            for phone in phones:
                walks.create_task(phone.replay(uplink, pace))
    except* ReplayError as stops:
        reason = stops.exceptions[0]
    else:
        return
    raise reason


def _phones(options: argparse.Namespace, tracks: list[Track]) -> list[Phone]:
    twice = [name for name, count in Counter(track.name for track in tracks).items() if count > 1]
    if twice:
        raise TrackError(f"two files are named {twice[0]}: a phone is known by its group and its file's name")
    if options.max_points:
        tracks = [track.thinned(options.max_points) for track in tracks]
    shares = singles(options.mode, [len(track.points) for track in tracks])
    return [
        Phone(track, str(moments.device_id(options.group, track)), share)
        for track, share in zip(tracks, shares, strict=True)
    ]


def _remember_moments(options: argparse.Namespace, phones: list[Phone], out: Console) -> None:
    now_ms = time.time_ns() // 1_000_000
    ends = moments.claim(
        options.state_file,
        moments.server_name(options.url),
        options.group,
        [phone.track for phone in phones],
        now_ms,
        fresh=options.fresh,
    )
    for phone in phones:
        phone.end_ms = ends[phone.track.name]
        if phone.end_ms != now_ms:
            end = datetime.fromtimestamp(phone.end_ms // 1000, UTC)
            out.print(f"{report.printable(phone.track.display_name)}: replayed again, ends {end:%Y-%m-%d %H:%M:%S} UTC")


def _speed(wanted: float | None, phones: list[Phone]) -> float:
    longest = max(phone.track.length_ms for phone in phones)
    return longest / 1000 / SECONDS_OF_REPLAY if wanted is None else wanted


def _remarks(out: Console, track: Track) -> None:
    name = report.printable(track.display_name)
    if track.made_times:
        out.print(f"{name}: {track.made_times} of its file's points have no time and were given one")
    if track.repeated:
        out.print(f"{name}: {track.repeated} of its points repeat the time of another; the server keeps the first")


def _api_key(path: Path | None) -> str:
    file = path or KEY_FILE
    try:
        key = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ReplayError(f"no API key at {file}: `make run` creates one, or use --api-key-file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"cannot read the API key in {file}: {error}") from error
    if not key or not all("!" <= c <= "~" for c in key):
        raise ReplayError(f"{file} does not hold an API key")
    return key


def _url() -> str:
    """Where the server of `make run` is."""
    try:
        return RUN_STATE.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return f"http://127.0.0.1:{os.environ.get('PM__SERVER__PORT') or '8080'}"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/replay",
        description="Turns GPX tracks into phones that register in one group and upload their points over HTTP, "
        "with the tracks' times moved to the present. A second replay sends the same points and stores nothing twice.",
        epilog="Without --api-key-file the key comes from .dev/api-key. "
        "Exit status: 0 all points are stored, 1 some are not, 2 nothing could be replayed.",
    )
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="GPX files, a phone each (default: demo/tracks)")
    add("--url", default=_url(), help="the server (default: %(default)s)")
    add("--group", default="demo", help="the group the phones join (default: %(default)s)")
    add(
        "--mode",
        choices=("mixed", "single", "batch"),
        default="mixed",
        help="points one by one, in batches of up to "
        "50, or (default) both, few enough one by one for a limit of 100 requests a minute",
    )
    add(
        "--speed",
        type=_not_negative,
        metavar="X",
        help="X times as fast as recorded: 60 for a minute a "
        f"second, 0 for no waiting (default: {SECONDS_OF_REPLAY} seconds in all)",
    )
    add("--max-points", type=_positive, metavar="N", help="at most N points of each track, evenly chosen")
    add("--fresh", action="store_true", help="move the tracks to this moment, not to that of their first replay")
    add("--api-key-file", type=Path, metavar="FILE", help="where the API key is")
    add(
        "--state-file",
        type=Path,
        metavar="FILE",
        default=STATE_FILE,
        help="remembers the moments of first replays (default: .dev/demo-anchor.json)",
    )
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _not_negative(text: str) -> float:
    if not 0 <= (number := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number
