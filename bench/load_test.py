"""A scenario of scripts/load-test.js against a throw-away service, or one that runs. `python -m bench.load_test`.

All options are variables of the environment, see `make load` and scripts/load-test.js.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench import k6
from bench.processes import BenchError
from bench.stack import ROOT, start
from bench.workplace import stop_on_signals, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS = ("baseline", "stress", "spike")


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs it; returns k6's exit code, 0 where all thresholds were kept."""
    stop_on_signals()
    try:
        return _run(environment)
    except BenchError as error:
        print(f"[load] error: {error}", file=sys.stderr)
        return 1


def _run(environment: Mapping[str, str]) -> int:
    scenario, url = environment.get("SCENARIO", "baseline"), environment.get("BASE_URL")
    if scenario not in SCENARIOS:
        raise BenchError(f"There is no scenario {scenario}; SCENARIO is one of {', '.join(SCENARIOS)}.")
    for name in ("SCALE", "DURATION", "P95"):
        if not is_positive(environment.get(name) or "1"):
            raise BenchError(f"{name} is a number greater than 0.")
    if url and not environment.get("REMOTE") and not is_loopback(url):
        raise BenchError("BASE_URL is not this machine; REMOTE=yes if you mean it.")
    given: dict[str, object] = {"SCENARIO": scenario}
    with ExitStack() as services, temporary_directory() as directory:
        if not url:
            print("[load] starting PostgreSQL and the server", flush=True)
            stack = services.enter_context(start("load", ROOT, directory / "0", {}))
            given |= {"BASE_URL": stack.url, "API_KEYS": ",".join(stack.keys.many), "REGISTERED": "yes"}
            given |= {"FIRST": stack.moment, "API_KEY_FILE": ""}
        command, added = k6.load_test(directory, given)
        print(f"[load] on a machine of {os.cpu_count()} cores that also runs the load", flush=True)
        code = subprocess.run(command, env={**environment, **added}, check=False).returncode
        services.close()
    print(f"[load] {_verdict(code)}")
    return code


def is_positive(text: str) -> bool:
    """Whether a text is a finite number greater than 0."""
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def _verdict(code: int) -> str:
    if code == k6.THRESHOLD:
        return "a threshold is not kept"
    return f"k6 failed ({code})" if code else "all thresholds are kept"


def is_loopback(url: str) -> bool:
    """Whether a URL is one of this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
