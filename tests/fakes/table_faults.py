"""A table that fails on request: the seam at which every call of the ledger can be disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from shared.errors import LedgerUnavailable
from shared.ledger import Table
from shared.ledger.table import Delete, Operation, Row


class FaultyTable:
    """Passes calls on to another table, counts them, and disturbs the ones it is told to."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.calls = 0  # transactions and reads
        self.repeated = 0
        self.down = False
        self.fails_after: int | None = None  # so many more calls; then one fails before it has any effect
        self._repeat = False
        self._lose = False

    def repeat_next(self) -> None:
        """Send the next transaction twice and answer with the second, as a retry inside the SDK does."""
        self._repeat = True

    def lose_next_answer(self) -> None:
        """Apply the next transaction and raise as if no answer had come."""
        self._lose = True

    @staticmethod
    def deletion_of(row: Row) -> Delete:
        """Return the operation that removes a row behind the ledger's back."""
        return Delete(row.key)

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        await self._call()
        if self._repeat:
            self._repeat = False
            self.repeated += 1
            await self._table.transact(partition, operations)
        etags = await self._table.transact(partition, operations)
        if self._lose:
            self._lose = False
            raise LedgerUnavailable("the answer was lost")
        return etags

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        await self._call()
        return await self._table.read(partition, key)

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys; see Table."""
        await self._call()
        async for row in self._table.range(partition, start, stop, columns=columns):
            yield row

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value; see Table."""
        await self._call()
        async for page in self._table.column(partition, start, stop, column):
            yield page

    async def close(self) -> None:
        """Close the table behind."""
        await self._table.close()

    async def _call(self) -> None:
        self.calls += 1
        await asyncio.sleep(0)  # a real call lets others have their turn
        if self.fails_after is not None:
            self.fails_after -= 1
        if self.down or self.fails_after == -1:
            raise LedgerUnavailable("the ledger is down")
