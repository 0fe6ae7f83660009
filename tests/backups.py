"""Keys, places and scripts of backups."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.own_cluster import Outcome, run
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where backups of a test lie, as the scripts name it, and the keys for them."""

    name: str
    recipients: Path
    identity: Path

    @property
    def write(self) -> tuple[str, ...]:
        """The options of scripts that store."""
        return ("--to", self.name, "--recipients", str(self.recipients))

    @property
    def read(self) -> tuple[str, ...]:
        """The options of scripts that restore."""
        return ("--from", self.name, "--identity", str(self.identity))


async def make_place(name: str, keys: Path) -> Place:
    """Makes new keys in a directory, for a place."""
    identity = keys / "identity"
    identity.parent.mkdir(exist_ok=True)
    (await run("age-keygen", "-o", str(identity))).succeeded()
    recipients = keys / "recipients"
    recipients.write_text((await run("age-keygen", "-y", str(identity))).succeeded())
    return Place(name, recipients, identity)


async def script(name: str, *arguments: str, **environment: str) -> Outcome:
    """Runs one of the project's scripts."""
    return await run(str(ROOT / "scripts" / name), *arguments, **environment)


def names(directory: Path) -> list[str]:
    """All files below a directory, those that are not whole, too."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def damage(file: Path) -> None:
    """Changes one byte in the middle of a file."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)[0]
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte ^ 1]))
