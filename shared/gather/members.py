"""Members: the entries that wait for a batch, and all that may be done to them while they do.

Each write carries the ETag of what was read: where somebody else was first, nothing is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import BlobsUnavailable, LedgerConflict
from shared.gather.groups import Group
from shared.holds import Holds
from shared.ledger import Entries, Marker
from shared.model import Entry, Result, State
from shared.together import all_done

CONCURRENCY = 16
# For so long a batch waits for a file that Blob Storage cannot tell of, in case that is the storage and not the file.
PATIENCE = timedelta(hours=1)
_T = TypeVar("_T")


class Members:
    """Reads and changes members, many at once. Raises LedgerError or BlobsUnavailable: then some may be changed."""

    def __init__(self, *, entries: Entries, holds: Holds, clock: Clock) -> None:
        self._entries = entries
        self._holds = holds
        self._clock = clock

    async def read(self, markers: Iterable[Marker]) -> list[Entry]:
        """Return the entries of markers, without those that are gone."""
        reads = (self._entries.read_at(marker.partition, marker.key) for marker in markers)
        return [entry for entry in await all_done(reads, CONCURRENCY) if entry is not None]

    async def of_batch(self, group: Group, batch: str) -> list[Entry]:
        """Return the members of an unsealed batch as they stand, oldest first."""
        found = [entry for entry in await self.read(group.members) if is_in(entry, batch)]
        return sorted(found, key=lambda entry: (entry.arrival.committed_at, entry.arrival.full_path))

    async def each(
        self, entries: Iterable[Entry], act: Callable[[Entry], Awaitable[_T]], deadline: Deadline
    ) -> list[_T | None]:
        """Act on each until the deadline, and return what came of it; None where there was no time."""

        async def one(entry: Entry) -> _T | None:
            return None if deadline.passed() else await act(entry)

        return await all_done((one(entry) for entry in entries), CONCURRENCY)

    async def ripe(
        self, loose: Iterable[Entry], counts: Counter[str], deadline: Deadline, *, may_go_without: bool
    ) -> list[Entry]:
        """Return the entries whose file is there, as it is there; close those of which it is not.

        A file that cannot be looked up raises BlobsUnavailable. `may_go_without`: where others can, only until it has
        been due for PATIENCE; then it waits without them.
        """
        failures: list[BlobsUnavailable] = []

        async def look(entry: Entry) -> Entry | None:
            try:
                return await self._looked_at(entry, counts)
            except BlobsUnavailable as error:
                is_late = entry.due_at is not None and self._clock.now() - entry.due_at >= PATIENCE
                if not may_go_without or not is_late:
                    raise
                failures.append(error)
                logs.error("gather.unreadable", reason=error, **entry.log_fields())
                return None

        ripe = [entry for entry in await self.each(loose, look, deadline) if entry is not None]
        if failures and not ripe:
            raise failures[0]
        return ripe

    async def _looked_at(self, entry: Entry, counts: Counter[str]) -> Entry | None:
        found = await self._holds.look(entry)
        if found.result is not None:
            is_done = await self.close(entry, found.result, found.reason)
            counts[str(found.result)] += is_done  # not in one line: `+=` would read before the await
            return None
        if changes := found.changes(entry, self._clock.now()):
            await self.change(entry, **changes)
            return None
        arrival = entry.arrival
        if found.arrival is not None and found.arrival.version == arrival.version:
            arrival = replace(arrival, size=found.arrival.size, md5=found.arrival.md5)
        return entry.evolve(arrival=arrival, reason=found.reason or entry.reason)

    async def assign(self, entry: Entry, batch: str) -> None:
        """Put a member into a batch."""
        await self.change(entry, batch=batch, arrival=entry.arrival, reason=entry.reason)

    async def bury(self, entries: Iterable[Entry], reason: str, counts: Counter[str]) -> None:
        """Give members up that are in no batch, with the reason."""

        async def one(entry: Entry) -> None:
            now = self._clock.now()
            changes = {"state": State.DEAD, "due_at": None, "settled_at": now, "reason": reason[:500]}
            if await self.change(entry, **changes):
                counts["dead"] += 1
                logs.error("entry.dead", reason=reason, **entry.log_fields())

        await all_done((one(entry) for entry in entries if entry.is_gathering and not entry.batch), CONCURRENCY)

    async def close(self, entry: Entry, result: Result, reason: str) -> bool:
        """Settle a member unless somebody else was first; return whether it was done."""
        now = self._clock.now()
        changes = {"state": State.SETTLED, "result": result, "due_at": None, "settled_at": now, "reason": reason}
        closed = await self.change(entry, **changes)
        if closed:
            logs.fact("entry.settled", result=result, reason=reason, **entry.log_fields())
        return closed

    async def change(self, entry: Entry, **changes: object) -> bool:
        """Write a member unless somebody else was first; return whether it was written."""
        try:
            await self._entries.move(entry, **changes)
        except LedgerConflict:
            return False
        return True


def is_in(entry: Entry, batch: str) -> bool:
    """Tell whether an entry waits as a member of this batch."""
    return entry.is_gathering and entry.batch == batch


def began(entry: Entry) -> datetime:
    """Return since when a member waits."""
    return entry.gathering_since or entry.claimed_at
