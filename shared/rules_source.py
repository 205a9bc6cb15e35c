"""Where rules that may change are kept, as the rule book sees it: a blob in Azure, a script in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesText:
    """One version of a rules file."""

    text: str
    version: str  # an ETag, without quotes


class RulesSource(Protocol):
    """Where rules that may change are kept."""

    name: str  # for people; never holds a secret

    async def read(self, unless: str) -> RulesText | None:
        """Return the text, or None when its version is still `unless`. Raises BlobsUnavailable."""
