"""Rows in memory: the ledger's twin of Azure Table Storage for tests, previews and simulation."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import count, islice

from shared.errors import LedgerConflict
from shared.ledger.table import Create, Delete, Operation, Replace, Row, Values

# As Table Storage: https://learn.microsoft.com/azure/storage/tables/scalability-targets and
# https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination
LONGEST_TRANSACTION, LONGEST_PAGE = 100, 1_000


class MemoryTable:
    """A table that behaves as Table Storage does, for one event loop: each call is atomic.

    What `Table` asks for is there a second time without waiting, for whoever decides himself when a call takes effect.
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = defaultdict(dict)  # by partition
        self._keys: dict[str, list[str]] = defaultdict(list)  # the same, in order
        self._etags = count(1)

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        return self.apply(partition, operations)

    def apply(self, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        """Apply all operations or none, at once; see Table."""
        if len({operation.key for operation in operations}) != len(operations) or not (
            0 < len(operations) <= LONGEST_TRANSACTION
        ):
            keys = [operation.key for operation in operations]
            raise ValueError(f"a transaction takes 1 to {LONGEST_TRANSACTION} operations on rows of their own: {keys}")
        rows = self._rows[partition]
        for operation in operations:
            self._check(operation, rows.get(operation.key))
        etags: dict[str, str] = {}
        for operation in operations:
            if isinstance(operation, Delete):
                self._remove(partition, operation.key)
            else:
                etags[operation.key] = self._write(partition, operation.key, operation.values)
        return etags

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        return self.find(partition, key)

    def find(self, partition: str, key: str) -> Row | None:
        """Return one row as it is now, or None."""
        rows = self._rows.get(partition)
        return rows.get(key) if rows else None

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys, as they were when asked; see Table."""
        for row in self.rows(partition, start, stop):
            yield row if columns is None else projected(row, columns)

    def rows(self, partition: str, start: str = "", stop: str | None = None) -> Iterator[Row]:
        """Yield the rows that a range of keys has now, and that are still there when it is their turn."""
        keys = self._keys.get(partition)
        if not keys:
            return
        end = len(keys) if stop is None else bisect_left(keys, stop)
        rows = self._rows[partition]
        for key in keys[bisect_left(keys, start) : end]:
            row = rows.get(key)
            if row is not None:
                yield row

    def page(self, partition: str, start: str, stop: str) -> list[Row]:
        """Return the first rows of a range of keys, as many as one answer of Table Storage holds."""
        return list(islice(self.rows(partition, start, stop), LONGEST_PAGE))

    def partitions(self) -> list[str]:
        """Return the partitions that hold rows."""
        return sorted(partition for partition, rows in self._rows.items() if rows)

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value; see Table."""
        page: list[tuple[str, str]] = []
        for row in self.rows(partition, start, stop):
            page.append((row.key, row.values.get(column, "")))
            if len(page) == LONGEST_PAGE:
                yield page
                page = []
        yield page

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _write(self, partition: str, key: str, values: Values) -> str:
        etag = f"{next(self._etags)}"
        rows = self._rows[partition]
        if key not in rows:
            insort(self._keys[partition], key)
        rows[key] = Row(partition, key, dict(values), etag)
        return etag

    def _remove(self, partition: str, key: str) -> None:
        del self._rows[partition][key]
        keys = self._keys[partition]
        del keys[bisect_left(keys, key)]

    @staticmethod
    def _check(operation: Operation, row: Row | None) -> None:
        if isinstance(operation, Create) and row is not None:
            raise LedgerConflict(f"row {operation.key} exists")
        if isinstance(operation, Delete) and (row is None or operation.etag not in {"", row.etag}):
            raise LedgerConflict(f"row {operation.key} does not exist or has changed")
        if isinstance(operation, Replace) and (row is None or row.etag != operation.etag):
            raise LedgerConflict(f"row {operation.key} has changed")


def projected(row: Row, columns: Sequence[str]) -> Row:
    """Return a row as it is where only some columns were asked for."""
    values = {name: value for name, value in row.values.items() if name in columns}
    return Row(row.partition, row.key, values, etag="")
