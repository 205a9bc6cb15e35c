"""Rounds of the sweep: what is to be listed, in shards that any instance may take, and how far each has come.

    sweeps        | quick, deep            the current round of each kind
    sweeps|<kind> | <round>|<number>       its shards

A round's shards are written before the round itself, which says how many they are, and a shard moves by its ETag. So a
crash leaves at worst rows that nobody asks for, and two workers on one shard list it twice: claims are idempotent, a
lease only saves work. Ids sort by the time of their round, so that an instance which is late in clearing up cannot take
the shards of a later round for those of a former one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.errors import LedgerConflict, LedgerUnavailable
from shared.ledger.packing import packed, unpacked
from shared.ledger.shard_progress import ShardProgress
from shared.ledger.table import Create, Delete, Operation, Put, Replace, Row, Table, Values

_ROUNDS = "sweeps"
_END = "~"
# A transaction takes 100 rows and 4 MB: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
_ROWS_AT_ONCE = 20
# Long beside what lies between two renewals (a page, or 200 claims). Shorter than the minute between two passes by what
# a pass does before it sweeps: else the pass after one that died would find its shards held, and wait for the next.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One sweep of everything."""

    kind: str  # quick or deep
    id: str
    fingerprint: str  # of the rules that it is for
    started_at: datetime  # by the storage service's clock
    shards: int = 0  # how many it has; where rows are missing, nobody knows what was listed
    containers_failure: str = ""  # why those that rules name by a pattern could not be listed; "" when they could
    sent_at: datetime | None = None  # when its shards were last sent through the queue; None: the passes do them
    concluded_at: datetime | None = None
    listed: int = 0  # blobs, known when it is concluded
    etag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A part of a round: some listings from end to end, or a slice of one."""

    kind: str
    round_id: str
    number: int
    listings: tuple[tuple[str, str], ...]  # container and prefix
    start_from: str = ""  # names of a slice, see listing_plan.shards; "" where there is no bound
    end_before: str = ""
    is_done: bool = False
    lease_until: datetime | None = None
    progress: ShardProgress = field(default_factory=ShardProgress)
    etag: str = ""

    def is_abandoned(self, now: datetime) -> bool:
        """Tell whether somebody took it and has not been heard of since."""
        return not self.is_done and self.lease_until is not None and self.lease_until <= now

    def is_free(self, now: datetime) -> bool:
        """Tell whether somebody may take it."""
        return not self.is_done and (self.lease_until is None or self.lease_until <= now)


class Rounds:
    """Reads and writes rounds and shards."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def current(self, kind: str) -> Round | None:
        """Return the round of a kind that goes on or was the last; None before the first."""
        row = await self._table.read(_ROUNDS, kind)
        return None if row is None else _round(row)

    async def start(self, new: Round, shards: Sequence[Shard], former: Round | None) -> Round | None:
        """Write a round in the place of the former one; None when somebody else has done so meanwhile."""
        partition = _partition(new.kind)
        await self._in_batches(partition, [Put(_shard_key(shard), _shard_values(shard)) for shard in shards])
        new = replace(new, shards=len(shards))
        values = _round_values(new)
        operation = Replace(new.kind, values, former.etag) if former else Create(new.kind, values)
        try:
            etags = await self._table.transact(_ROUNDS, [operation])
        except LedgerConflict:
            await self._forget(new.kind, {new.id})
            return None
        return replace(new, etag=etags[new.kind])

    async def save(self, round_: Round, **changes: object) -> Round:
        """Write a changed round. Raises LedgerConflict when somebody else has changed it."""
        changed: Round = replace(round_, **changes)  # type: ignore[arg-type]  # the caller names fields of Round
        etags = await self._table.transact(_ROUNDS, [Replace(round_.kind, _round_values(changed), round_.etag)])
        return replace(changed, etag=etags[round_.kind])

    async def shards(self, round_: Round) -> list[Shard]:
        """Return the shards of a round, in order."""
        rows = self._table.range(_partition(round_.kind), f"{round_.id}|", f"{round_.id}|{_END}")
        return [_shard(round_.kind, row) async for row in rows]

    async def shard(self, kind: str, round_id: str, number: int) -> Shard | None:
        """Return one shard, None when its round is forgotten."""
        row = await self._table.read(_partition(kind), f"{round_id}|{number:05d}")
        return None if row is None else _shard(kind, row)

    async def take(self, shard: Shard, now: datetime) -> Shard | None:
        """Take the lease of a shard; None when it is done or somebody else has it."""
        if not shard.is_free(now):
            return None
        try:
            return await self.save_shard(shard, lease_until=now + LEASE)
        except LedgerConflict:
            return None

    async def save_shard(self, shard: Shard, **changes: object) -> Shard:
        """Write a changed shard. Raises LedgerConflict when somebody else has changed it."""
        changed: Shard = replace(shard, **changes)  # type: ignore[arg-type]  # the caller names fields of Shard
        key = _shard_key(shard)
        etags = await self._table.transact(_partition(shard.kind), [Replace(key, _shard_values(changed), shard.etag)])
        return replace(changed, etag=etags[key])

    async def forget_former(self, round_: Round) -> None:
        """Delete the shards of all rounds of its kind that are older than this one. Safe to repeat, however late."""
        rows = self._table.range(_partition(round_.kind), "", round_.id, columns=())
        await self._forget(round_.kind, sorted({row.key.partition("|")[0] async for row in rows}))

    async def _forget(self, kind: str, ids: Iterable[str]) -> None:
        for round_id in ids:
            rows = self._table.range(_partition(kind), f"{round_id}|", f"{round_id}|{_END}", columns=())
            try:
                await self._in_batches(_partition(kind), [Delete(row.key) async for row in rows])
            except LedgerConflict:
                continue  # somebody else deletes them

    async def _in_batches(self, partition: str, operations: Sequence[Operation]) -> None:
        for start in range(0, len(operations), _ROWS_AT_ONCE):
            await self._table.transact(partition, operations[start : start + _ROWS_AT_ONCE])


def round_id(started_at: datetime, nonce: str) -> str:
    """Return the id of a round; those of later rounds sort behind it."""
    return f"{started_at:%Y%m%dT%H%M%S}-{nonce}"


def _partition(kind: str) -> str:
    return f"{_ROUNDS}|{kind}"


def _shard_key(shard: Shard) -> str:
    return f"{shard.round_id}|{shard.number:05d}"


def _round_values(round_: Round) -> Values:
    optional = {"sent_at": round_.sent_at, "concluded_at": round_.concluded_at}
    return {
        "id": round_.id,
        "fingerprint": round_.fingerprint,
        "started_at": round_.started_at.isoformat(),
        "listed": str(round_.listed),
        "shards": str(round_.shards),
        "containers_failure": round_.containers_failure,
        **{name: time.isoformat() for name, time in optional.items() if time},
    }


def _round(row: Row) -> Round:
    values = row.values
    return Round(
        kind=row.key,
        id=values["id"],
        fingerprint=values["fingerprint"],
        started_at=datetime.fromisoformat(values["started_at"]),
        shards=int(values["shards"]),
        containers_failure=values["containers_failure"],
        sent_at=_time(values.get("sent_at")),
        concluded_at=_time(values.get("concluded_at")),
        listed=int(values["listed"]),
        etag=row.etag,
    )


def _shard_values(shard: Shard) -> Values:
    values = {
        "listings": json.dumps(shard.listings),
        "start_from": shard.start_from,
        "end_before": shard.end_before,
        "is_done": "true" if shard.is_done else "",
        "lease_until": shard.lease_until.isoformat() if shard.lease_until else "",
        **_packed_progress(shard.progress),
    }
    return {name: value for name, value in values.items() if value}


def _packed_progress(progress: ShardProgress) -> Values:
    """Return progress as it fits into a row; marks and counts are for convenience, the others for the proof."""
    for told in (progress, progress.without_marks(), replace(progress.without_marks(), found={})):
        values = packed("progress", told.as_text())
        if values is not None:
            return values
    raise LedgerUnavailable("The progress of a sweep is too long for a row.", hint="Give the containers fewer rules.")


def _shard(kind: str, row: Row) -> Shard:
    values = row.values
    round_id, _, number = row.key.partition("|")
    return Shard(
        kind=kind,
        round_id=round_id,
        number=int(number),
        listings=tuple((container, prefix) for container, prefix in json.loads(values["listings"])),
        start_from=values.get("start_from", ""),
        end_before=values.get("end_before", ""),
        is_done=values.get("is_done") == "true",
        lease_until=_time(values.get("lease_until")),
        progress=ShardProgress.from_text(unpacked("progress", values)),
        etag=row.etag,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
