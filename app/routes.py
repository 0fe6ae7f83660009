"""The route table: one line per endpoint, one function of schema api per line."""

from __future__ import annotations

from dataclasses import dataclass

BASE = "/api/v1"
UPLOADED = "locations_uploaded_total"


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
    audited: bool = False
    """The function writes the audit log: it has a context that says who asks."""
    streamed: bool = False
    """The function only begins an export; the data follow page by page."""
    replica: bool = False
    """What it reads may come from a replica, see replica.py; the function that begins an export runs on the primary."""
    together: int = 0
    """How many requests without an Idempotency-Key may share a call of the function's _many."""
    counter: str | None = None
    """The metric of what the function says is new: it has a column "counted"."""

    @property
    def has_body(self) -> bool:
        """Whether the request is the body."""
        return self.method == "POST"

    @property
    def statement(self) -> str:
        """The call: one row with the answer, and what else the function tells."""
        arguments = "$1, $2" if self.idempotent or self.audited else "$1"
        return f"select * from api.{self.function}({arguments}) as answer"  # noqa: S608  a name of this file


# The router tries them in this order: the most frequent first.
ENDPOINTS = (
    Endpoint("POST", f"{BASE}/locations", "upload_location", idempotent=True, together=64, counter=UPLOADED),
    Endpoint("GET", f"{BASE}/devices", "list_devices", query=("group_id",), replica=True, together=64),
    Endpoint("POST", f"{BASE}/locations/batch", "upload_locations", idempotent=True, together=16, counter=UPLOADED),
    Endpoint("POST", f"{BASE}/devices/register", "register_device", counter="devices_registered_total"),
    Endpoint("DELETE", f"{BASE}/devices/{{device_id}}", "deactivate_device"),
    Endpoint(
        "GET",
        f"{BASE}/devices/{{device_id}}/data-export",
        "begin_export",
        "privacy",
        audited=True,
        streamed=True,
        replica=True,
    ),
    Endpoint("DELETE", f"{BASE}/devices/{{device_id}}/data", "erase_device", "privacy", audited=True),
    Endpoint(
        "DELETE",
        f"{BASE}/admin/devices/inactive",
        "delete_inactive_devices",
        "admin",
        query=("older_than_days",),
        audited=True,
    ),
)
