"""requirements.txt and requirements-dev.txt are what scripts/lock-requirements makes of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.server import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVER = PROJECT["project"]["dependencies"]
REST = [*PROJECT["project"]["optional-dependencies"]["demo"], *PROJECT["dependency-groups"]["dev"]]
LOCKS = {"requirements.txt": SERVER, "requirements-dev.txt": [*SERVER, *REST]}


def locked(name: str) -> dict[str, Requirement]:
    """The packages of a lock, by name; each has a version and hashes."""
    found: dict[str, Requirement] = {}
    for entry in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        text, *hashes = entry.split(" --hash=sha256:")
        assert hashes, text
        assert all(re.fullmatch(r"[0-9a-f]{64}\s*", one) for one in hashes), text
        requirement = Requirement(text)
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), text
        found[canonicalize_name(requirement.name)] = requirement
    return found


def wanted(requirements: list[str]) -> dict[str, list[Requirement]]:
    """What these ask for on this platform, and what that asks for, and so on, by name."""
    found: dict[str, list[Requirement]] = {}
    left = [Requirement(text) for text in requirements]
    while left:
        requirement = left.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            left += [Requirement(text) for text in distribution(name).requires or []]
        found.setdefault(name, []).append(requirement)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_the_project_asks_for(name: str) -> None:
    lock = locked(name)
    needed = wanted(LOCKS[name])
    for package, requirements in needed.items():
        (version,) = (one.version for one in lock[package].specifier)
        for requirement in requirements:
            assert requirement.specifier.contains(version, prereleases=True), requirement
        assert distribution(package).version == version, package
    here = {package for package, one in lock.items() if one.marker is None or one.marker.evaluate()}
    assert here <= set(needed), "what nobody asks for any more"


def test_both_locks_have_the_same_versions() -> None:
    server, everything = (locked(name) for name in LOCKS)
    assert {name: everything[name].specifier for name in server} == {name: server[name].specifier for name in server}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE)
