"""The contract's own tests once more, with a PgBouncer in transaction mode between API and database."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.cluster import API_PASSWORD
from tests.own_cluster import run
from tests.pgbouncer import keeps_prepared_statements, pgbouncer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Cluster

CONTRACT = os.environ.get("M", "test_registration test_upload test_batch").split()


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_the_contract_holds(cluster: Cluster, tmp_path: Path) -> None:
    role = await cluster.login_role("pm_api")
    async with pgbouncer(cluster, {f"pm_api_login_{w}": API_PASSWORD for w in ("main", *(f"gw{i}" for i in range(8)))}) as place:
        pooled = {
            "from": cluster.url("", role, "").partition("?")[2],
            "to": place,
            "settings": {} if await keeps_prepared_statements() else {"database__statement_cache_size": "0"},
        }
        outcome = await run(
            sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not long", "--basetemp", str(tmp_path / "run"), *(f"tests/{name}.py" for name in CONTRACT),
            PM_TEST_POOLED=orjson.dumps(pooled).decode(),
        )
    print(outcome.output)
    outcome.succeeded()
