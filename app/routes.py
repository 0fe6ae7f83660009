"""The route table: one line per endpoint, one function of schema api per line."""

from __future__ import annotations

from dataclasses import dataclass

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and the function that answers it."""

    method: str
    path: str
    function: str
    limit_class: str = "default"
    query: tuple[str, ...] = ()
    """Query parameters that become fields of the request, as those of the path do. A POST has its body instead."""
    idempotent: bool = False
    """Takes an Idempotency-Key: the function has a context, and says whether its answer is a replay."""
    together: int = 0
    """How many requests without an Idempotency-Key may share a call of the function's _many."""

    @property
    def has_body(self) -> bool:
        """Whether the request is the body."""
        return self.method == "POST"

    @property
    def statement(self) -> str:
        """The call."""
        if self.idempotent:
            return f"select answer, replayed from api.{self.function}($1, $2)"  # noqa: S608  names of this file
        return f"select api.{self.function}($1) as answer"


# The router tries them in this order: the most frequent first.
ENDPOINTS = (
    Endpoint("POST", f"{BASE}/locations", "upload_location", idempotent=True, together=64),
    Endpoint("GET", f"{BASE}/devices", "list_devices", query=("group_id",)),
    Endpoint("POST", f"{BASE}/locations/batch", "upload_locations", idempotent=True, together=16),
    Endpoint("POST", f"{BASE}/devices/register", "register_device"),
    Endpoint("DELETE", f"{BASE}/devices/{{device_id}}", "deactivate_device"),
)
