"""What the host hands to the worker for each kind of trigger: the shapes of its ToRpc.

https://github.com/Azure/azure-functions-host, WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.functions.meta import Datum

from localdev.functions_host.schedules import Schedule

# .NET's default(DateTime): what the status of a timer says that has never run.
NEVER_RAN = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleStatus:
    """When a timer ran last (NEVER_RAN before it ever did), is due next, and when that was reckoned; aware UTC."""

    last: datetime
    next: datetime
    last_updated: datetime

    def to_json(self) -> dict[str, str]:
        """Return it as the host stores it and tells the function."""
        return {
            "Last": self.last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.last_updated.isoformat(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> ScheduleStatus:
        """Return a stored status; raises KeyError, TypeError or ValueError for anything else."""
        last, following, updated = (
            datetime.fromisoformat(document[name]).astimezone(UTC) for name in ("Last", "Next", "LastUpdated")
        )
        return cls(last=last, next=following, last_updated=updated)


def event_grid_datum(event: Any) -> Datum:
    """Return the datum of one event, in either schema."""
    return Datum(type="json", value=compact_json(event))


def timer_datum(schedule: Schedule, status: ScheduleStatus | None, *, past_due: bool) -> Datum:
    """Return the datum of a timer's run; `status` None where the schedule is not monitored."""
    information = {
        "Schedule": {"AdjustForDST": schedule.adjusts_for_daylight_saving},
        "ScheduleStatus": status and status.to_json(),
        "IsPastDue": past_due,
    }
    return Datum(type="json", value=compact_json(information))


def queue_datum(body: str) -> Datum:
    """Return the datum of a queue message's content."""
    return Datum(type="string", value=body)


def queue_metadata(
    *,
    message_id: str = "",
    dequeue_count: int = 1,
    pop_receipt: str = "",
    inserted: datetime | None = None,
    expires: datetime | None = None,
    next_visible: datetime | None = None,
) -> dict[str, Datum]:
    """Return the trigger metadata of a queue message; times are aware, and everything has the host's own default."""
    return {
        "Id": Datum(type="string", value=message_id or str(uuid.uuid4())),
        "PopReceipt": Datum(type="string", value=pop_receipt),
        "DequeueCount": Datum(type="json", value=str(dequeue_count)),
        "InsertionTime": _json_time(inserted or datetime.now(UTC)),
        "ExpirationTime": _json_time(expires or _LATEST),
        "NextVisibleTime": _json_time(next_visible or _LATEST),
    }


def http_datum(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Datum:
    """Return the datum of a request: header names in small letters, query values only where not empty."""
    return Datum(
        type="http",
        value={
            "method": _text(method),
            "url": _text(url),
            "headers": {name.lower(): _text(value) for name, value in (headers or {}).items()},
            "query": {name: _text(value) for name, value in (query or {}).items() if value},
            "params": {name: _text(value) for name, value in (parameters or {}).items()},
            "body": Datum(type="bytes", value=body),
        },
    )


def compact_json(value: Any) -> str:
    """Return JSON without blanks, as the host writes it; half a surrogate pair becomes U+FFFD as in its UTF-8."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_time(moment: datetime) -> Datum:
    return Datum(type="json", value=json.dumps(moment.astimezone(UTC).isoformat()))


def _text(value: str) -> Datum:
    return Datum(type="string", value=value)
