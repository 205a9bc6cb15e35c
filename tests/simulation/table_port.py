"""The ledger's table as one process sees it: every call passes the gate, every write is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from localdev.memory_table import LONGEST_PAGE, MemoryTable, projected
from shared.errors import LedgerUnavailable
from shared.ledger.table import Operation, Row
from tests.simulation.gate import Client, Gate
from tests.simulation.process import Process

# Three attempts of at most 6 s and their pauses, as `open_table` sets the SDK up.
TABLE = Client(
    service="table",
    seconds=19.0,
    rejected=lambda: LedgerUnavailable("Could not write to the ledger: HTTP 503."),
    unanswered=lambda: LedgerUnavailable("Could not write to the ledger: ServiceResponseTimeoutError."),
)
Watch = Callable[[str, Sequence[Operation], str], None]  # partition, what was committed, who did


class WatchedTable:
    """The one table that all processes share."""

    def __init__(self) -> None:
        self.rows = MemoryTable()
        self.watch: Watch = lambda *_: None

    def commit(self, partition: str, operations: Sequence[Operation], who: str) -> Mapping[str, str]:
        """Apply a transaction and show it to whoever watches."""
        etags = self.rows.apply(partition, operations)
        self.watch(partition, operations, who)
        return etags


class TablePort:
    """Implements shared.ledger.Table for one process."""

    def __init__(self, table: WatchedTable, process: Process, gate: Gate) -> None:
        self._table = table
        self._process = process
        self._gate = gate

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        who = self._process.name

        def effect() -> Mapping[str, str]:
            return self._table.commit(partition, operations, who)

        subject = operations[0].key
        return await self._gate.call(self._process, TABLE, "table.transact", effect, writes=True, subject=subject)

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""

        def effect() -> Row | None:
            return self._table.rows.find(partition, key)

        return await self._gate.call(self._process, TABLE, "table.read", effect, subject=key)

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys; see Table."""
        while True:
            page = await self._page(partition, start, stop)
            for row in page:
                yield row if columns is None else projected(row, columns)
            if len(page) < LONGEST_PAGE:
                return
            start = f"{page[-1].key}\0"

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value; see Table."""
        while True:
            page = await self._page(partition, start, stop)
            yield [(row.key, row.values.get(column, "")) for row in page]
            if len(page) < LONGEST_PAGE:
                return
            start = f"{page[-1].key}\0"

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    async def _page(self, partition: str, start: str, stop: str) -> list[Row]:
        def effect() -> list[Row]:
            return self._table.rows.page(partition, start, stop)

        return await self._gate.call(self._process, TABLE, "table.range", effect)
