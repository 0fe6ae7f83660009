"""How many requests a worker works on at a time: under a crowd, some are served in time rather than all too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from types import TracebackType


class CrowdedError(Problem):
    """There is no place. Waiting for one would only make the crowd larger."""

    def __init__(self) -> None:
        """An answer of 503."""
        super().__init__(503, "Too many requests are under way.")


class Places:
    """The places of a worker. A request has one while it waits for the database, or for others that do."""

    def __init__(self, most: int) -> None:
        """So many places."""
        self._free = most

    def __enter__(self) -> None:
        """Takes a place. Raises CrowdedError."""
        if not self._free:
            raise CrowdedError
        self._free -= 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives it back."""
        self._free += 1
