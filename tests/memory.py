"""How much memory a process has had."""

from __future__ import annotations

import asyncio
from pathlib import Path


async def peak_memory(pid: int) -> int:
    """The most memory that a process has had since its start, in bytes."""
    status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text)
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
