"""Taking old rows out of the ledger, in transactions of one partition, so that no entry is left half removed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.errors import LedgerConflict
from shared.ledger.entry_row import entry_from
from shared.ledger.rows import (
    DUPLICATE,
    INDEX_COLUMNS,
    OPEN,
    TIME,
    Indexed,
    entry_row_key,
    head_from,
    head_key,
    indexed_from,
    milliseconds,
)
from shared.ledger.table import Delete, Operation, Table
from shared.model import Entry

# A transaction takes 100 operations, and an entry is three rows: itself, its time index and the head of its path.
ENTRIES_AT_ONCE = 33
ROWS_AT_ONCE = 100
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Removal:
    operations: list[Operation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class OldRows:
    """Finds and removes what is old. Safe to repeat, and to run twice at once: what somebody changed stays."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def closed(self, partition: str, before: datetime, claimed_before: datetime) -> AsyncIterator[Indexed]:
        """Yield the closed entries whose arrivals were committed before a moment and claimed before another."""
        stop = f"{TIME}{milliseconds(before)}"
        async for row in self._table.range(partition, TIME, stop, columns=INDEX_COLUMNS):
            indexed = indexed_from(row)
            if indexed.outcome != OPEN and (indexed.claimed_at or _BEGINNING) < claimed_before:
                yield indexed

    async def duplicates(self, partition: str, before: datetime) -> AsyncIterator[str]:
        """Yield the keys of the duplicates' rows that were written before a moment."""
        stop = f"{DUPLICATE}{milliseconds(before)}"
        async for row in self._table.range(partition, DUPLICATE, stop, columns=()):
            yield row.key

    async def remove_duplicates(self, partition: str, keys: Sequence[str]) -> int:
        """Remove rows of duplicates, at most ROWS_AT_ONCE; return how many, 0 when somebody else does the same."""
        try:
            await self._table.transact(partition, [Delete(key) for key in keys])
        except LedgerConflict:
            return 0
        return len(keys)

    async def remove(self, partition: str, old: Sequence[Indexed], settled_before: datetime) -> Counter[str]:
        """Remove closed entries, at most ENTRIES_AT_ONCE, each with its time index and, if it is that, its path's head.

        Returns how many `entries` and `heads` are gone, and how many were `kept`: opened again, settled since then,
        or changed by somebody else at this very moment. Raises LedgerUnavailable.
        """
        removals = await asyncio.gather(*(self._removal(partition, one, settled_before) for one in old))
        together = [operation for removal in removals for operation in removal.operations]
        try:
            if together:
                await self._table.transact(partition, together)
        except LedgerConflict:
            return await self._remove_one_by_one(partition, removals)
        return sum((removal.counts for removal in removals), Counter())

    async def _remove_one_by_one(self, partition: str, removals: Sequence[_Removal]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for removal in removals:
            try:
                if removal.operations:
                    await self._table.transact(partition, removal.operations)
                counts += removal.counts
            except LedgerConflict:
                counts["kept"] += 1
        return counts

    async def _removal(self, partition: str, old: Indexed, settled_before: datetime) -> _Removal:
        row = await self._table.read(partition, entry_row_key(old.key))
        index = Delete(f"{TIME}{milliseconds(old.committed_at)}|{old.key}")
        if row is None:  # nobody but a person with a storage tool leaves an index without its entry
            return _Removal([index], Counter(entries=1))
        entry = entry_from(row)
        if entry.is_open or (entry.settled_at or entry.claimed_at) >= settled_before:
            return _Removal(counts=Counter(kept=1))
        head = await self._head(partition, entry)
        heads: list[Operation] = [head] if head else []
        return _Removal([Delete(row.key, row.etag), index, *heads], Counter(entries=1, heads=len(heads)))

    async def _head(self, partition: str, entry: Entry) -> Delete | None:
        """Return what removes the head of the entry's path when it is this version; another has its own entry."""
        row = await self._table.read(partition, head_key(entry.arrival))
        if row is None or head_from(row).version != entry.arrival.version:
            return None
        return Delete(row.key, row.etag)
