"""The seam between the ledger's protocol and where its rows live: a few verbs on rows of text.

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
    """One stored row; `etag` changes with every write, and is "" where only some columns were read."""

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
    """Remove a row that must exist, and where an ETag is given must still have it."""

    key: str
    etag: str = ""


Operation = Create | Replace | Put | Delete


class Table(Protocol):
    """A table of rows, sorted by key inside their partition."""

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; return the new ETag of each row written, by its key.

        Raises LedgerConflict when an operation's condition does not hold (nothing was applied), LedgerUnavailable
        when there is no answer (it may have been applied), LedgerRefused for a row that is too long. At most 100
        operations, each on a row of its own.
        """

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None. Raises LedgerUnavailable."""

    def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows with `start <= key < stop` in key order. Raises LedgerUnavailable.

        With `columns` the rows hold no other values and no ETag, which is less to send and to decode.
        """

    def column(self, partition: str, start: str, stop: str, column: str) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value, "" where it has none.

        What there may be a million of is read this way: it costs a fraction of `range`. A page may be empty.
        Raises LedgerUnavailable.
        """

    async def close(self) -> None:
        """Release connections. Safe to repeat."""
