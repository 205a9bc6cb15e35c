"""Backfills: sweeps that were asked for, how far each has come, and who works on it.

    backfills | B|<id>      a backfill; ids begin with their time, so that those of a span are a range
    backfills | O|<id>      its marker: exists exactly while the backfill is running

A backfill moves by its ETag. The lease only saves work: two workers on one backfill claim nothing twice, since a claim
is idempotent, and the one that saves second learns that it has lost it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.errors import LedgerConflict
from shared.ledger.table import Create, Delete, Operation, Replace, Row, Table, Values

_BACKFILLS, _ROW, _MARKER, _END = "backfills", "B|", "O|", "~"
_ID_TIME = "%Y%m%dT%H%M%S"
LEASE = timedelta(minutes=2)
_MOST_TOGETHER = 100  # rows that one transaction takes


class BackfillState(StrEnum):
    """Where a backfill stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BackfillCursor:
    """Where the listing goes on: a page of a place, or, with page "", behind that place."""

    container: str
    prefix: str
    page: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """A sweep that was asked for over a chosen range."""

    id: str
    rule: str  # the ledger name of the one rule that it is for; "" for all rules
    created_at: datetime
    asked_by: str
    prefix: str = ""  # `container` or `container/beginning of names`; "" for all places of its rules
    since: datetime | None = None  # Last-Modified from this moment on; None: no bound
    until: datetime | None = None  # and before this one
    limit: int | None = None  # claims
    rate: float | None = None  # claims a second
    arrived_at: datetime | None = None  # when a rename brought the files, which keep their Last-Modified
    state: BackfillState = BackfillState.RUNNING
    reason: str = ""  # why it failed, was cut short, or was interrupted last, for people
    cursor: BackfillCursor | None = None  # None: from the beginning
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)  # up to the cursor
    failures: int = 0  # interruptions by errors since the last page that was got through
    ended_at: datetime | None = None
    lease_owner: str = ""  # who works on it, or did so last; "" before the first
    lease_until: datetime | None = None
    nonce: str = ""  # the writer's own, to recognise its write after a lost answer
    etag: str = ""

    @property
    def is_running(self) -> bool:
        """Tell whether there is still work in it."""
        return self.state is BackfillState.RUNNING

    def is_free(self, now: datetime) -> bool:
        """Tell whether somebody may take it."""
        return self.is_running and (self.lease_until is None or self.lease_until <= now)

    def committed_at(self, last_modified: datetime) -> datetime:
        """Return when a blob of this Last-Modified arrived."""
        return max(last_modified, self.arrived_at) if self.arrived_at else last_modified

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it, for people and dashboards."""
        return {
            "id": self.id,
            "state": self.state.value,
            "reason": self.reason or None,
            "rule": self.rule or None,
            "prefix": self.prefix or None,
            "since": _shown(self.since),
            "until": _shown(self.until),
            "limit": self.limit,
            "rate": self.rate,
            "arrived_at": _shown(self.arrived_at),
            "asked_by": self.asked_by,
            "created_at": _shown(self.created_at),
            "ended_at": _shown(self.ended_at),
            "counts": dict(self.counts),
        }


def backfill_id(at: datetime, distinction: str) -> str:
    """Return the id of a backfill: its time, so that ids sort as time does, and what tells it from others."""
    return f"{at:{_ID_TIME}}-{distinction}"


class Backfills:
    """Reads and writes backfills."""

    def __init__(self, table: Table, new_nonce: Callable[[], str]) -> None:
        self._table = table
        self._new_nonce = new_nonce

    async def create(self, backfill: Backfill) -> Backfill:
        """Write a new backfill; where its id is taken, return that one: twice asked with one id is one backfill."""
        backfill = replace(backfill, nonce=self._new_nonce())
        key = _ROW + backfill.id
        operations = [Create(key, _values(backfill)), Create(_MARKER + backfill.id, {"state": backfill.state})]
        try:
            etags = await self._table.transact(_BACKFILLS, operations)
        except LedgerConflict:
            existing = await self.read(backfill.id)
            if existing is None:
                raise
            return existing
        return replace(backfill, etag=etags[key])

    async def read(self, identity: str) -> Backfill | None:
        """Return the backfill of an id, or None; an id that nobody gave is nobody's."""
        row = await self._table.read(_BACKFILLS, _ROW + identity) if _is_id(identity) else None
        return None if row is None else _backfill(row)

    async def save(self, backfill: Backfill) -> Backfill:
        """Write a changed backfill, and take its marker away when it has ended; return it as stored.

        Raises LedgerConflict when somebody else wrote it first; nothing is written then.
        """
        backfill = replace(backfill, nonce=self._new_nonce())
        key = _ROW + backfill.id
        operations: list[Operation] = [Replace(key, _values(backfill), backfill.etag)]
        if not backfill.is_running:
            operations.append(Delete(_MARKER + backfill.id))
        try:
            etags = await self._table.transact(_BACKFILLS, operations)
        except LedgerConflict:
            stored = await self.read(backfill.id)
            if stored is not None and stored.nonce == backfill.nonce:
                return stored
            raise
        return replace(backfill, etag=etags[key])

    async def take(self, identity: str, owner: str, now: datetime) -> Backfill:
        """Lease a running backfill to `owner` and return it as it stands.

        Raises LedgerConflict when there is none, when it has ended, or when somebody else has it.
        """
        found = await self.read(identity)
        if found is None or not found.is_running:
            raise LedgerConflict(f"There is no backfill {identity} that is running.")
        if not found.is_free(now):
            hint = f"If that worker is gone, anybody goes on with it after {_shown(found.lease_until)}."
            raise LedgerConflict(f"{found.lease_owner} is working on the backfill {identity}.", hint=hint)
        return await self.save(replace(found, lease_owner=owner, lease_until=now + LEASE))

    async def running(self) -> list[Backfill]:
        """Return the backfills that are not done, the one asked for first at first."""
        ids = [row.key.removeprefix(_MARKER) async for row in self._table.range(_BACKFILLS, _MARKER, _MARKER + _END)]
        found = [await self.read(identity) for identity in ids]
        return [backfill for backfill in found if backfill is not None and backfill.is_running]

    async def since(self, since: datetime) -> AsyncIterator[Backfill]:
        """Yield the backfills whose ids are of that second or later, the oldest first."""
        async for row in self._table.range(_BACKFILLS, _ROW + f"{since:{_ID_TIME}}", _ROW + _END):
            yield _backfill(row)

    async def prune(self, before: datetime) -> int:
        """Remove the ended backfills whose ids are of before that second; return how many."""
        stop = _ROW + f"{before:{_ID_TIME}}"
        found = [_backfill(row) async for row in self._table.range(_BACKFILLS, _ROW, stop)]
        ended = [Delete(_ROW + backfill.id) for backfill in found if not backfill.is_running]
        for start in range(0, len(ended), _MOST_TOGETHER):
            await self._table.transact(_BACKFILLS, ended[start : start + _MOST_TOGETHER])
        return len(ended)


def _is_id(text: str) -> bool:
    # What Table Storage refuses in keys is in no id.
    return len(text) <= 100 and text.isascii() and text.replace("-", "").isalnum()


def _values(backfill: Backfill) -> Values:
    cursor = backfill.cursor
    values = {
        "rule": backfill.rule,
        "prefix": json.dumps(backfill.prefix) if backfill.prefix else None,
        "since": _written(backfill.since),
        "until": _written(backfill.until),
        "limit": backfill.limit,
        "rate": backfill.rate,
        "arrived_at": _written(backfill.arrived_at),
        "asked_by": backfill.asked_by,
        "created_at": _written(backfill.created_at),
        "state": backfill.state,
        "reason": backfill.reason,
        "cursor": json.dumps([cursor.container, cursor.prefix, cursor.page]) if cursor else None,
        "counts": json.dumps(dict(backfill.counts)),
        "failures": backfill.failures or None,
        "ended_at": _written(backfill.ended_at),
        "lease_owner": backfill.lease_owner,
        "lease_until": _written(backfill.lease_until),
        "nonce": backfill.nonce,
    }
    return {name: str(value) for name, value in values.items() if value is not None and value != ""}


def _backfill(row: Row) -> Backfill:
    values = row.values
    return Backfill(
        id=row.key.removeprefix(_ROW),
        rule=values.get("rule", ""),
        prefix=json.loads(values.get("prefix", '""')),
        since=_read(values.get("since")),
        until=_read(values.get("until")),
        limit=int(values["limit"]) if "limit" in values else None,
        rate=float(values["rate"]) if "rate" in values else None,
        arrived_at=_read(values.get("arrived_at")),
        asked_by=values.get("asked_by", ""),
        created_at=datetime.fromisoformat(values["created_at"]),
        state=BackfillState(values["state"]),
        reason=values.get("reason", ""),
        cursor=BackfillCursor(*json.loads(values["cursor"])) if "cursor" in values else None,
        counts=json.loads(values["counts"]),
        failures=int(values.get("failures", "0")),
        ended_at=_read(values.get("ended_at")),
        lease_owner=values.get("lease_owner", ""),
        lease_until=_read(values.get("lease_until")),
        nonce=values["nonce"],
        etag=row.etag,
    )


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="microseconds")


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _shown(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds")
