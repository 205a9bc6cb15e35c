"""What a person asks for when they ask for a prune."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.request_reader import RequestReader

FIELDS = ("older_than", "dry_run")


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneRequest:
    """How old what goes must be, at least; None stands for the retention."""

    older_than: timedelta | None = None
    dry_run: bool = False


def read_prune_request(body: bytes) -> PruneRequest:
    """Return the request that a JSON object makes, such as `{"dry_run": true}`; nothing asks for all that is old.

    Raises RequestError with every fault.
    """
    reader = RequestReader(body, FIELDS, '{"older_than": "120d", "dry_run": true}')
    request = PruneRequest(older_than=reader.duration("older_than"), dry_run=reader.flag("dry_run"))
    reader.finish()
    return request
