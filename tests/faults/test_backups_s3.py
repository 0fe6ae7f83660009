"""Backups in S3-compatible storage: MinIO, where it is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.backups import make_place, script
from tests.cluster import Database, clone
from tests.conftest import point, registration
from tests.own_cluster import run
from tests.server import free_port
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Cluster

KEYS = {"MINIO_ROOT_USER": "backup", "MINIO_ROOT_PASSWORD": "backup-password"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("minio") is None,
        reason="minio is not installed: GOBIN=$PWD/.dev/tools go install github.com/minio/minio@latest (minutes)",
    ),
]


async def stored(bucket: str, **environment: str) -> set[str]:
    """The names of all objects."""
    return set((await run("rclone", "lsf", "--recursive", "--files-only", bucket, **environment)).succeeded().split())


async def test_dump_log_erasures_and_restore(
    cluster: Cluster, database: Database, device_id: str, tmp_path: Path
) -> None:
    port = free_port()
    remote = {
        "AWS_CA_BUNDLE": "",  # of this machine, which rclone cannot take
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Minio",
        "RCLONE_CONFIG_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": KEYS["MINIO_ROOT_USER"],
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": KEYS["MINIO_ROOT_PASSWORD"],
    }
    with (tmp_path / "minio.log").open("wb") as log:
        minio = await asyncio.create_subprocess_exec(
            "minio", "server", "--quiet", "--address", f"127.0.0.1:{port}", str(tmp_path / "minio"),
            env=os.environ | KEYS, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/minio/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until("a MinIO that is ready", ready, 60)
        (await run("rclone", "mkdir", "s3:backups", **remote)).succeeded()
        place = await make_place("s3:backups/phone-manager", tmp_path / "keys")
        await database.call("register_device", registration(device_id, "family"))
        await database.call("upload_location", {"device_id": device_id, **point()})
        owner = {**cluster.environment, **remote, "PGDATABASE": database.name}

        for name in ("20200101T000000Z", "20200101T010000Z"):
            (await run("rclone", "touch", f"{place.name}/dumps/{name}.dump.age", **remote)).succeeded()
            (await run("rclone", "touch", f"{place.name}/dumps/{name}.dump.age.sha256", **remote)).succeeded()
        (await script("backup", *place.write, "--daily", "1", "--weekly", "2", **owner)).succeeded()
        dumps = await stored(f"{place.name}/dumps", **remote)
        assert len(dumps) == 4
        assert "20200101T010000Z.dump.age" in dumps
        assert "20200101T000000Z.dump.age" not in dumps

        name, segment, back = "0" * 23 + "1", tmp_path / "segment", tmp_path / "back"
        segment.write_bytes(os.urandom(16_000_000))
        assert (await script("restore-wal", *place.read, name, str(back), **remote)).code == 1
        for _ in range(2):
            (await script("archive-wal", *place.write, str(segment), name, **remote)).succeeded()
        (await script("restore-wal", *place.read, name, str(back), **remote)).succeeded()
        assert back.read_bytes() == segment.read_bytes()
        segment.write_bytes(b"another")
        assert (await script("archive-wal", *place.write, str(segment), name, **remote)).code == 1

        await database.call("erase_device", {"device_id": device_id}, {})
        (await script("erasures", "export", *place.write, **owner)).succeeded()
        async with clone(cluster) as other:
            await cluster.drop(other.name)
            await cluster.create(other.name, "template0")
            into = {**owner, "PGDATABASE": other.name}
            output = (await script("restore", *place.read, **into)).succeeded()
            assert "of 1 erasures that are known, 1 had to be done again" in output
            assert await other.value("select count(*) from core.devices") == 0
            assert await other.value("select count(*) from core.audit_log where action = 'erase_device'") == 1
    finally:
        minio.kill()
        await minio.wait()
    impatient = {"RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1"}
    away = await script("restore-wal", *place.read, name, str(back), **remote, **impatient)
    assert away.code > 125, "storage that is away is not the end of the log"
