"""What the replay shows: a bar for each phone, what became of the points, and the group as its members see it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.phones import Phone

MOST_SAID = 5  # like messages shown; a thousand refused points are told in one line more


def console() -> Console:
    """Plain text: names are data, and may hold what looks like markup. A pipe is as wide as the tables."""
    plain = Console(markup=False, emoji=False, highlight=False)
    return plain if plain.is_terminal else Console(markup=False, emoji=False, highlight=False, width=140)


class Screen:
    """The bars, while phones upload."""

    def __init__(self, out: Console, phones: Sequence[Phone]) -> None:
        self._said: Counter[str] = Counter()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="yellow"),
            console=out,
        )
        for phone in phones:
            name = printable(phone.track.display_name)
            task = self._progress.add_task(name, total=len(phone.track.points), note="")
            phone.arrived = partial(self._progress.advance, task)
            phone.say = self.say

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        for text, count in self._said.items():
            if count > MOST_SAID:
                self._progress.console.print(f"… and {count - MOST_SAID} times more: {printable(text)}")

    def waiting(self, seconds: float) -> None:
        note = f"rate limit: waits {seconds:.0f} s" if seconds > 0 else ""
        for task in self._progress.tasks:
            self._progress.update(task.id, note="" if task.finished else note)

    def say(self, text: str) -> None:
        self._said[text] += 1
        if self._said[text] <= MOST_SAID:
            self._progress.console.print(printable(text), style="red")


def summary(out: Console, phones: Sequence[Phone]) -> None:
    table = Table(title="Points", title_justify="left")
    for column in ("phone", "sent"):
        table.add_column(column)
    for column in ("points", "stored new", "duplicates", "failed", "sent again"):
        table.add_column(column, justify="right")
    for phone in phones:
        tally = phone.tally
        numbers = (len(phone.track.points), tally.stored, tally.duplicates, tally.failed, tally.resent)
        table.add_row(printable(phone.track.display_name), phone.manner, *map(str, numbers))
    out.print(table)
    totals = Counter[str]()
    for phone in phones:
        totals.update(sent=len(phone.track.points), stored=phone.tally.stored)
        totals.update(duplicates=phone.tally.duplicates, failed=phone.tally.failed)
    out.print(
        f"{totals['sent']} points sent: {totals['stored']} stored new, "
        f"{totals['duplicates']} duplicates, {totals['failed']} failed"
    )


def listing(out: Console, group: str, devices: Sequence[Mapping[str, object]], now: datetime) -> None:
    table = Table(title=f"Group {printable(group)}", title_justify="left")
    table.add_column("name")
    for column in ("latitude", "longitude", "accuracy", "age", "battery"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("last seen (UTC)", no_wrap=True)
    for device in devices:
        place = device.get("last_location")
        place = place if isinstance(place, dict) else {}
        table.add_row(
            printable(str(device.get("display_name", ""))),
            _number(place.get("latitude"), "{:.5f}"),
            _number(place.get("longitude"), "{:.5f}"),
            _number(place.get("accuracy"), "{:.0f} m"),
            _age(place.get("timestamp"), now),
            _number(place.get("battery_level"), "{:.0f} %"),
            seen.strftime("%Y-%m-%d %H:%M:%S") if (seen := _time(device.get("last_seen_at"))) else "-",
        )
    out.print(table)


def printable(text: str) -> str:
    """Names come from files and from other people: nothing in them may steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _number(value: object, pattern: str) -> str:
    return pattern.format(value) if isinstance(value, int | float) else "-"


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return None


def _age(value: object, now: datetime) -> str:
    if (time := _time(value)) is None:
        return "-"
    seconds = max(round((now - time).total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
