"""The ledger of a service that has seen what landed in a benchmark's container, but for one file in a hundred."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from bench.landed import LAST_DAY, Landed
from bench.row_store import RowStore
from localdev.memory_table import MemoryTable
from shared.ledger import Entries
from shared.ledger.table import Create, Operation
from shared.model import Arrival, Entry, JobReference, Result, State, entry_key

JOB = JobReference(id=7)


def is_planted(number: int) -> bool:
    """Tell whether a blob is one that the ledger does not know."""
    return number % 100 == 50


def planted(blobs: int) -> int:
    """Return how many of so many blobs the ledger does not know."""
    return sum(map(is_planted, range(blobs)))


def fill(blobs: int, rule: str, everything: str, of_last_day: Sequence[str]) -> Mapping[str, RowStore]:
    """Return tables by name: one whose ledger knows all blobs but the planted ones, and those of the last day's."""
    landed = Landed(blobs)
    known = (number for number in range(blobs) if not is_planted(number))
    tables = {everything: _filled(landed, known, rule)}
    return tables | {name: _filled(landed, landed.numbers(LAST_DAY), rule) for name in of_last_day}


def _filled(landed: Landed, numbers: Iterable[int], rule: str) -> RowStore:
    store = RowStore()
    asyncio.run(_claim(store, (landed.arrival(number) for number in numbers), rule))
    return store


async def _claim(store: RowStore, arrivals: Iterable[Arrival], rule: str) -> None:
    nonces = itertools.count()
    entries = Entries(_Filling(store), lambda: f"{next(nonces):032x}")
    for number, arrival in enumerate(arrivals):
        await entries.claim(_succeeded(rule, arrival, number))


def _succeeded(rule: str, arrival: Arrival, number: int) -> Entry:
    claimed_at = arrival.committed_at + timedelta(seconds=1)
    return Entry(
        key=entry_key(rule, arrival),
        rule=rule,
        arrival=arrival,
        job=JOB,
        parameters={"file_path": arrival.path, "triggered_by": "event"},
        state=State.SETTLED,
        claimed_at=claimed_at,
        generation=1,
        attempts=1,
        run_id=number + 1,
        run_started_at=claimed_at,
        run_ended_at=claimed_at + timedelta(seconds=30),
        result=Result.SUCCEEDED,
        settled_at=claimed_at + timedelta(seconds=60),
    )


class _Filling(MemoryTable):
    """The ledger's table while it is filled: what is created goes where it is served from."""

    def __init__(self, store: RowStore) -> None:
        super().__init__()
        self._store = store

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations; see Table."""
        changes = []
        for operation in operations:
            assert isinstance(operation, Create), "a path that is claimed once is only created"
            changes.append(("POST", operation.key, dict(operation.values), ""))
        etags = self._store.change(partition, changes)
        return dict(zip((operation.key for operation in operations), etags, strict=True))
