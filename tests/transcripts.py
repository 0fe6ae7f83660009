"""Guides that show a session: what somebody types, and what is shown then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Step:
    """What is typed, and what it shows; a line "…" stands for any lines."""

    typed: str
    changing: tuple[tuple[str, str], ...]
    shown: list[str] = field(default_factory=list)

    @property
    def lasting(self) -> list[str]:
        """What is shown each time: without times, sizes, widths of columns and the like."""
        lines = []
        for line in self.shown:
            for pattern, name in self.changing:
                line = re.sub(pattern, name, line)  # noqa: PLW2901
            lines.append(line.strip())
        return [line for line in lines if line]

    def matches(self, real: Step) -> bool:
        """Whether this is what was really shown."""
        parts = [re.escape(line) if line != "…" else r".*?" for line in self.lasting]
        return re.fullmatch(r"\n".join(parts), "\n".join(real.lasting), re.DOTALL) is not None

    def really(self, shown: str) -> Step:
        """The same step with what it really showed."""
        return Step(self.typed, self.changing, shown.splitlines())


def read_steps(guide: Path, prompt: str, more: str, changing: tuple[tuple[str, str], ...]) -> list[Step]:
    """The steps of a guide: each begins with a prompt, goes on with another, and is followed by what it shows.

    Changing are patterns of what is different each time, and names for it.
    """
    found: list[Step] = []
    for line in guide.read_text().splitlines():
        if line.startswith(f"    {prompt} "):
            found.append(Step(line.removeprefix(f"    {prompt} "), changing))
        elif line.startswith(f"    {more} "):
            found[-1].typed += "\n" + line.removeprefix(f"    {more} ")
        elif line.startswith("    ") and found:
            found[-1].shown.append(line.removeprefix("    "))
    return found
