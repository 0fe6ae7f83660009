"""When a connection is read: not while that would only make the crowd larger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import FlowControl

if TYPE_CHECKING:
    from collections import deque

# How long the connection of a request that was refused for want of a place is not read.
REST_SECONDS = 1.0


class Flow(FlowControl):
    """Reads no further while requests wait for their turn; else each answer would bring in a buffer full of them."""

    def __init__(self, transport: asyncio.Transport, pipeline: deque[Any]) -> None:
        """The flow of a connection with this line of requests."""
        super().__init__(transport)
        self._pipeline = pipeline
        self._resting = False

    def resume_reading(self) -> None:
        """Reads on, if nobody waits."""
        if not self._pipeline and not self._resting:
            super().resume_reading()

    def rest(self) -> None:
        """Reads nothing for a while. A client that asks again at once would else take the time of those before it."""
        self._resting = True
        self.pause_reading()
        asyncio.get_running_loop().call_later(REST_SECONDS, self._end_rest)

    def _end_rest(self) -> None:
        self._resting = False
        if not self._transport.is_closing():
            self.resume_reading()
