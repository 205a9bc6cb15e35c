"""The seam between the ledger's protocol and where its rows live: four verbs on rows of text.

Two implementations exist, Azure Table Storage and memory, and one contract test holds both. A simulation may wrap
either to reject a call, lose its answer or crash around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row; `etag` changes with every write."""

    partition: str
    key: str
    values: Values
    etag: str


@dataclass(frozen=True, slots=True)
class Create:
    """Write a row that must not exist."""

    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Replace:
    """Write a row that must still have this ETag."""

    key: str
    values: Values
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row whatever is there."""

    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row that must exist."""

    key: str


Operation = Create | Replace | Put | Delete


class Table(Protocol):
    """A table of rows, sorted by key inside their partition."""

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; return the new ETag of each row written, by its key.

        Raises LedgerConflict when an operation's condition does not hold (nothing was applied), LedgerUnavailable
        when there is no answer (it may have been applied). At most 100 operations, each on a row of its own.
        """

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None. Raises LedgerUnavailable."""

    def range(self, partition: str, start: str, stop: str) -> AsyncIterator[Row]:
        """Yield the rows with `start <= key < stop` in key order. Raises LedgerUnavailable."""

    async def close(self) -> None:
        """Release connections. Safe to repeat."""
