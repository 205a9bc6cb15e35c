"""What every endpoint is given: the request as its own type, and the workspace to act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from localdev.workspace.access.identity import OWNER, Identity
from localdev.workspace.api.views import Workspace
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document, Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to an API of the workspace."""

    version: str  # "2.0", "2.1" or "2.2"
    query: Mapping[str, str]
    body: Document
    workspace: Workspace
    caller: Identity = OWNER
    path: Mapping[str, str] = field(default_factory=dict)  # what stands in the path: {"job_id": "7"}

    def fields(self) -> Fields:
        """Return the query's values, where numbers are strings of digits."""
        return Fields(self.query)

    def flag(self, name: str) -> bool:
        """Return a boolean of the query, False when it is absent."""
        value = self.query.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise invalid(f"{name} is {value!r}; it must be true or false.")
        return value == "true"

    def refuse_offset(self) -> None:
        """Refuse the old way of paging, which skips and repeats rows while new ones come in."""
        if self.fields().whole_number("offset", 0):
            raise invalid("offset is not supported by the local workspace: follow next_page_token.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """An answer that is a file and no JSON."""

    content: bytes
    name: str


Endpoint = Callable[[Core, Call], Document | Download]
