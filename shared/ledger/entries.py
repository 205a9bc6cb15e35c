"""The ledger's protocol for entries: claim once, move by ETag, never leave an open entry without its marker.

Rules R1 to R7 are those of ARCHITECTURE.md. Every method is safe to repeat: a repeated claim is a duplicate, a
repeated move conflicts with itself and is recognised by its nonce.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from shared import logs
from shared.errors import LedgerConflict, LedgerDamaged
from shared.ledger.entry_row import entry_from, entry_values
from shared.ledger.judgement import head_operation, judged
from shared.ledger.rows import (
    DUPLICATE,
    INDEX_COLUMNS,
    KEY_IN_TIME_KEY,
    MARKER,
    MARKER_COLUMNS,
    OUTCOME,
    TIME,
    Indexed,
    Marker,
    entry_row_key,
    head_from,
    head_key,
    head_values,
    index_values,
    indexed_from,
    marker_from,
    marker_key,
    marker_values,
    milliseconds,
    partition_of,
    time_key,
)
from shared.ledger.table import Create, Delete, Operation, Put, Replace, Row, Table
from shared.model import ABSENT, Arrival, Entry, Result, Source, entry_key
from shared.versions import Head

# Each round loses against another writer of the same path, so a fifth round means that something else is wrong.
CLAIM_ROUNDS = 5

_T = TypeVar("_T")


class Claimed(Enum):
    """What came of a claim."""

    WON = "claimed"  # the entry is ours: the right and the duty to start it
    DUPLICATE = "duplicate"  # somebody claimed it before
    CLOSED = "closed"  # written and closed at once: superseded, touched, or dead on arrival


@dataclass(frozen=True, slots=True)
class Claim:
    """The outcome of a claim and the entry as it stands in the ledger."""

    outcome: Claimed
    entry: Entry


class Entries:
    """The entries of every rule, over a table."""

    def __init__(self, table: Table, new_nonce: Callable[[], str]) -> None:
        self._table = table
        self._new_nonce = new_nonce

    async def claim(self, entry: Entry, *, overwrites_run: bool = True, rivals: Iterable[str] = ()) -> Claim:
        """Create an entry with its marker, its time index and its path's head, all or none (rule R1).

        One round trip for a path never seen. Where the path has a head, the version is compared with it: an older
        one, a mere touch, or a new version where `overwrites_run` is false, is recorded and closed. Where one of the
        `rivals`, rules by their ledger names, had the last version of the path, a touch is told by that one; each of
        them costs a read or two. Raises LedgerUnavailable; LedgerConflict after CLAIM_ROUNDS.
        """
        entry = replace(entry, nonce=self._new_nonce())
        others = [found for rival in rivals if (found := await self._head(replace(entry, rule=rival))) is not None]
        head: Head | None = None
        for _ in range(CLAIM_ROUNDS):
            written = judged(entry, head, others, overwrites_run=overwrites_run)
            try:
                return await self._create(written, head_operation(written, head, others))
            except LedgerConflict:
                existing = await self.read(entry.rule, entry.arrival, entry.key)
            if existing is not None:
                # A lost answer or a retry inside the SDK makes our own write look like somebody else's.
                ours = existing.nonce == entry.nonce
                return Claim(_outcome(existing) if ours else Claimed.DUPLICATE, existing)
            head = await self._head(entry, overwrites_run=overwrites_run)
        raise LedgerConflict(f"Other writers kept changing the head of {entry.arrival.full_path!r}.")

    async def move(self, entry: Entry, **changes: Any) -> Entry:
        """Write an entry with some fields changed; see write."""
        return await self.write(entry, entry.evolve(**changes))

    async def write(self, entry: Entry, moved: Entry) -> Entry:
        """Write what an entry has become, together with its marker and time index (rules R1, R4).

        Returns the entry as stored. Raises LedgerConflict when somebody else moved it since it was read (nothing
        is written), LedgerUnavailable when the outcome is unknown.
        """
        moved = replace(moved, nonce=self._new_nonce())
        partition = partition_of(entry.rule, entry.arrival)
        if moved.result in ABSENT and (written := await self._write_with_head(partition, entry, moved)) is not None:
            return written
        try:
            etags = await self._table.transact(partition, _move_operations(entry, moved))
        except LedgerConflict:
            return await self._after_conflict(partition, entry, moved)
        return replace(moved, etag=etags[entry_row_key(entry.key)])

    async def read(self, rule: str, arrival: Arrival, key: str) -> Entry | None:
        """Return the entry of this key for an arrival's path, or None."""
        return await self.read_at(partition_of(rule, arrival), key)

    async def read_at(self, partition: str, key: str) -> Entry | None:
        """Return the entry of this key in a partition, or None."""
        row = await self._table.read(partition, entry_row_key(key))
        return None if row is None else entry_from(row)

    async def due(self, partition: str, now: datetime) -> AsyncIterator[Marker]:
        """Yield the markers of a partition that are due, oldest first; a damaged one is logged and left out."""
        stop = f"{MARKER}{milliseconds(now)}~"
        async for row in self._table.range(partition, MARKER, stop, columns=MARKER_COLUMNS):
            if (marker := _if_sound(marker_from, row)) is not None:
                yield marker

    async def open(self, partition: str) -> AsyncIterator[Marker]:
        """Yield all markers of a partition, the one due first at first; a damaged one is logged and left out."""
        async for row in self._table.range(partition, MARKER, f"{MARKER}~", columns=MARKER_COLUMNS):
            if (marker := _if_sound(marker_from, row)) is not None:
                yield marker

    async def between(self, partition: str, since: datetime, until: datetime | None = None) -> AsyncIterator[Indexed]:
        """Yield the entries of a partition whose arrivals were committed in a time window, oldest first.

        A damaged row is logged and left out.
        """
        async for row in self._table.range(partition, *_time_range(since, until), columns=INDEX_COLUMNS):
            if (indexed := _if_sound(indexed_from, row)) is not None:
                yield indexed

    async def keys_between(
        self, partition: str, since: datetime, until: datetime | None = None
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield the key and the outcome of the entries of a time window, oldest first; see `between` and `Indexed`.

        For the sweep, which may have to know a million of them.
        """
        async for page in self._table.column(partition, *_time_range(since, until), OUTCOME):
            for row_key, outcome in page:
                yield row_key[KEY_IN_TIME_KEY:], outcome

    async def named(self, partition: str, digits: str) -> AsyncIterator[Entry]:
        """Yield the entries of a partition whose keys begin with these hex digits."""
        start = entry_row_key(digits)
        async for row in self._table.range(partition, start, f"{start}~"):
            yield entry_from(row)

    async def count_duplicate(self, entry: Entry, now: datetime) -> None:
        """Record that an arrival of this entry was suppressed once more."""
        row = Create(f"{DUPLICATE}{milliseconds(now)}|{self._new_nonce()}", {"entry": entry.key})
        await self._table.transact(partition_of(entry.rule, entry.arrival), [row])

    async def duplicates(self, partition: str, since: datetime) -> int:
        """Return how many duplicates a partition has suppressed since then."""
        return len([row async for row in self._table.range(partition, f"{DUPLICATE}{milliseconds(since)}", "D|~")])

    async def _create(self, entry: Entry, head: Operation | None) -> Claim:
        operations: list[Operation] = [Create(entry_row_key(entry.key), entry_values(entry))]
        if entry.is_open:
            operations.append(Create(marker_key(entry), marker_values(entry)))
        operations.append(Create(time_key(entry), index_values(entry)))
        if head is not None:
            operations.append(head)
        etags = await self._table.transact(partition_of(entry.rule, entry.arrival), operations)
        return Claim(_outcome(entry), replace(entry, etag=etags[entry_row_key(entry.key)]))

    async def _head(self, entry: Entry, *, overwrites_run: bool = True) -> Head | None:
        """Return the head of the entry's path, with the MD5 that was learnt after it was claimed."""
        row = await self._table.read(partition_of(entry.rule, entry.arrival), head_key(entry.arrival))
        if row is None:
            return None
        head = head_from(row)
        if head.md5 and entry.arrival.source is Source.EVENT and overwrites_run:
            return head  # which no event is compared by
        claimed = await self._of_version(entry, head.version)
        if claimed is None:
            return head
        owner = await self._of_version(entry, head.owner) if head.owner else claimed
        # Content that was never run for is no touch of what was, nor overwritten: deleted too early, and dropped again.
        never_ran = owner is not None and owner.result in ABSENT
        return replace(head, md5=None if never_ran else head.md5 or claimed.arrival.md5, never_ran=never_ran)

    async def _of_version(self, entry: Entry, version: str) -> Entry | None:
        other = replace(entry.arrival, version=version)
        return await self.read(entry.rule, other, entry_key(entry.rule, other))

    async def _write_with_head(self, partition: str, entry: Entry, moved: Entry) -> Entry | None:
        """Close an entry whose version was not there, together with what was closed in its favour; None: not so."""
        for _ in range(CLAIM_ROUNDS):
            others = await self._given_up_with(partition, entry, moved)
            if not others:
                return None
            try:
                etags = await self._table.transact(partition, [*_move_operations(entry, moved), *others])
            except LedgerConflict:
                existing = await self.read_at(partition, entry.key)
                if existing is None or entry.etag != existing.etag:
                    return None
            else:
                return replace(moved, etag=etags[entry_row_key(entry.key)])
        return None

    async def _given_up_with(self, partition: str, entry: Entry, moved: Entry) -> list[Operation]:
        """Return how the head is written when the version that was to run for it was not there.

        A touch or an ignored overwrite of it has had no run either, and closes for the same reason: a sweep that sees
        it again opens it. The head is written even where it stays as it is, so that who compares with it just now
        looks again.
        """
        row = await self._table.read(partition, head_key(entry.arrival))
        head = _if_sound(head_from, row) if row is not None else None
        if head is None or entry.arrival.version not in {head.version, head.owner}:
            return []
        other = await self._of_version(entry, head.version) if head.owner == entry.arrival.version else None
        if other is None or other.result not in {Result.TOUCHED, Result.IGNORED}:
            return [Replace(head_key(entry.arrival), head_values(head), head.etag)]
        closed = replace(other, result=moved.result, reason=moved.reason, nonce=self._new_nonce())
        freed = Replace(head_key(entry.arrival), head_values(replace(head, owner="")), head.etag)
        return [freed, *_move_operations(other, closed)]

    async def _after_conflict(self, partition: str, entry: Entry, moved: Entry) -> Entry:
        existing = await self.read_at(partition, entry.key)
        if existing is not None and existing.nonce == moved.nonce:
            return existing
        if existing is None or existing.etag != entry.etag:
            raise LedgerConflict(f"Somebody else moved entry {entry.key}.")
        # The entry is as we read it, so it is the marker that is missing: invariant 3 was broken, mend it.
        logs.error("invariant.broken", what="an open entry had no marker", **entry.log_fields())
        operations = [step for step in _move_operations(entry, moved) if not isinstance(step, Delete)]
        etags = await self._table.transact(partition, operations)
        return replace(moved, etag=etags[entry_row_key(entry.key)])


def _if_sound(read: Callable[[Row], _T], row: Row) -> _T | None:
    """Return what a row holds, None and a line in the log where somebody has damaged it: the others must go on."""
    try:
        return read(row)
    except LedgerDamaged as error:
        logs.error("ledger.row_damaged", reason=error)
        return None


def _time_range(since: datetime, until: datetime | None) -> tuple[str, str]:
    return f"{TIME}{milliseconds(since)}", f"{TIME}{milliseconds(until)}" if until else f"{TIME}~"


def _outcome(entry: Entry) -> Claimed:
    return Claimed.WON if entry.is_open else Claimed.CLOSED


def _move_operations(entry: Entry, moved: Entry) -> list[Operation]:
    operations: list[Operation] = [Replace(entry_row_key(entry.key), entry_values(moved), entry.etag)]
    old = marker_key(entry) if entry.is_open else None
    new = marker_key(moved) if moved.is_open else None
    if old is not None and old != new:
        operations.append(Delete(old))
    if new is not None:
        operations.append(Put(new, marker_values(moved)))
    if index_values(entry) != index_values(moved):
        operations.append(Put(time_key(moved), index_values(moved)))
    return operations
