"""SIGTERM, or a parent that is gone: not ready but serving, so that balancers look elsewhere; then uvicorn stops."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

logger = logging.getLogger(__name__)


class Shutdown:
    """Whether the server is shutting down."""

    def __init__(self, drain_seconds: float) -> None:
        """A server that goes on serving for this long after SIGTERM."""
        self.begun = False
        self._drain_seconds = drain_seconds

    def watch(self) -> None:
        """Takes SIGTERM from uvicorn, and gives it back when the time is over.

        A worker whose parent was killed raises it itself: nobody else would ever end it.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # run inside another program, which has the signals
        loop = asyncio.get_running_loop()
        stop: Any = signal.getsignal(signal.SIGTERM)

        def on_sigterm(number: int, frame: FrameType | None) -> None:
            if not self.begun:
                self.begun = True
                logger.info("SIGTERM: not ready any more, stopping in %s s", self._drain_seconds)
                loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, stop, number, frame)

        def on_end_of_parent(sentinel: int) -> None:
            loop.remove_reader(sentinel)
            logger.error("The parent process is gone")
            signal.raise_signal(signal.SIGTERM)

        signal.signal(signal.SIGTERM, on_sigterm)
        parent = multiprocessing.parent_process()
        if parent is not None:
            loop.add_reader(parent.sentinel, on_end_of_parent, parent.sentinel)
