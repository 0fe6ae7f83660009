"""What can be asked for on the command line."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

CONSTANT = "rate"
"""The mixed load at a constant arrival rate, which is no closed loop like the others."""

HIGHEST = "highest"
"""The highest of such rates that is kept in time. It is searched for where asked for only: that takes two minutes."""


@dataclass(frozen=True)
class Options:
    """A run."""

    only: tuple[str, ...]
    connections: tuple[int, ...]
    seconds: float
    rounds: int
    rate: int
    rate_seconds: int
    yardsticks: bool
    against: str | None
    settings: dict[str, str]
    save: str | None


def parse(arguments: Sequence[str] | None) -> Options:
    """The options of a command line; exits with 2 where it is wrong."""
    usual = (*SCENARIOS, CONSTANT)
    names = (*usual, HIGHEST)
    parser = argparse.ArgumentParser(
        "bench/run", description="Measures the service against the limits of this machine."
    )
    parser.add_argument("--only", metavar="NAME,…", type=_words, default=usual, help=f"of: {', '.join(names)}")
    parser.add_argument("--connections", metavar="N,…", type=_numbers, default=(1, 32, 128))
    parser.add_argument("--seconds", metavar="S", type=float, default=3.0, help="a measurement's length")
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        default=3,
        help="of yardsticks and the most connections in turn; medians count",
    )
    parser.add_argument("--rate", metavar="N", type=int, default=1000, help="requests/s of the constant mixed load")
    parser.add_argument("--rate-seconds", metavar="S", type=int, default=15, help="its length")
    parser.add_argument("--no-yardsticks", action="store_true", help="measure the service only")
    parser.add_argument("--against", metavar="REVISION", help="measure this git revision, too, in turn")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="configure the server: --set server__workers=2"
    )
    parser.add_argument("--save", metavar="NAME", help="keep the result as bench/results/NAME.md")
    given = parser.parse_args(arguments)

    unknown = set(given.only) - set(names)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; --only takes {', '.join(names)}")
    if not all(re.fullmatch(r"\w+=.*", setting) for setting in given.set):
        parser.error("--set takes NAME=VALUE")
    if given.save and not re.fullmatch(r"[\w.-]+", given.save):
        parser.error("--save takes a file's name, without a directory")
    if min(given.seconds, given.rounds, given.rate, given.rate_seconds, *given.connections) <= 0:
        parser.error("numbers must be above 0")
    return Options(
        only=tuple(name for name in names if name in given.only),
        connections=tuple(sorted(set(given.connections))),
        seconds=given.seconds,
        rounds=given.rounds,
        rate=given.rate,
        rate_seconds=given.rate_seconds,
        yardsticks=not given.no_yardsticks,
        against=given.against,
        settings=dict(setting.split("=", 1) for setting in given.set),
        save=given.save,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))
