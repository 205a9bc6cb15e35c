"""Rows in memory: the ledger's twin of Azure Table Storage for tests, previews and simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count

from shared.errors import LedgerConflict
from shared.ledger.table import Create, Delete, Operation, Replace, Row, Values

# As Table Storage: https://learn.microsoft.com/azure/storage/tables/scalability-targets and
# https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination
LONGEST_TRANSACTION, LONGEST_PAGE = 100, 1_000


class MemoryTable:
    """A table that behaves as Table Storage does, for one event loop: each call is atomic."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._etags = count(1)

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        keys = [operation.key for operation in operations]
        if len(set(keys)) != len(keys) or not 0 < len(keys) <= LONGEST_TRANSACTION:
            raise ValueError(f"a transaction takes 1 to {LONGEST_TRANSACTION} operations on rows of their own: {keys}")
        for operation in operations:
            self._check(operation, self._rows.get((partition, operation.key)))
        etags: dict[str, str] = {}
        for operation in operations:
            if isinstance(operation, Delete):
                del self._rows[partition, operation.key]
            else:
                etags[operation.key] = self._write(partition, operation.key, operation.values)
        return etags

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        return self._rows.get((partition, key))

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys, as they were when asked; see Table."""
        for place in sorted(place for place in self._rows if place[0] == partition and start <= place[1] < stop):
            row = self._rows.get(place)
            if row is not None:
                yield row if columns is None else _projected(row, columns)

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value; see Table."""
        page: list[tuple[str, str]] = []
        async for row in self.range(partition, start, stop):
            page.append((row.key, row.values.get(column, "")))
            if len(page) == LONGEST_PAGE:
                yield page
                page = []
        yield page

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _write(self, partition: str, key: str, values: Values) -> str:
        etag = f"{next(self._etags)}"
        self._rows[partition, key] = Row(partition, key, dict(values), etag)
        return etag

    @staticmethod
    def _check(operation: Operation, row: Row | None) -> None:
        if isinstance(operation, Create) and row is not None:
            raise LedgerConflict(f"row {operation.key} exists")
        if isinstance(operation, Delete) and (row is None or operation.etag not in {"", row.etag}):
            raise LedgerConflict(f"row {operation.key} does not exist or has changed")
        if isinstance(operation, Replace) and (row is None or row.etag != operation.etag):
            raise LedgerConflict(f"row {operation.key} has changed")


def _projected(row: Row, columns: Sequence[str]) -> Row:
    values = {name: value for name, value in row.values.items() if name in columns}
    return Row(row.partition, row.key, values, etag="")
