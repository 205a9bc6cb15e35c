"""Budgets: what of a limit has been given out, to all instances together.

    budgets  <scope>    one row for each limit: the permits given out lately, and where the line of those who wait ends

A scope is a rule and a unit, or the whole service; its name is all that a row is known by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.errors import LedgerConflict, LedgerDamaged
from shared.ledger.row_values import optional, read_time, sound, write_time, written
from shared.ledger.table import Create, Operation, Replace, Row, Table, Values
from shared.rules.limit import Limit

_PARTITION = "budgets"
_END = "~"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """Permits that were given out at one moment, less those that came back unused."""

    at: datetime  # in whole milliseconds
    permits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What has been given out of one limit, as its row says."""

    scope: str
    grants: tuple[Grant, ...] = ()  # the oldest first; old ones are left out once they count no more
    queue_end: datetime | None = None  # when the last of those who wait is due; None: nobody ever had to
    limit: Limit | None = None  # as its last writer knew it: who does not know the rule goes by this
    nonce: str = ""  # the writer's own, to recognise its write after a lost answer
    etag: str = ""  # "" before it is written


class Budgets:
    """Reads and writes budgets."""

    def __init__(self, table: Table, new_nonce: Callable[[], str]) -> None:
        self._table = table
        self._new_nonce = new_nonce

    async def read(self, scope: str) -> Budget:
        """Return the budget of a scope; an empty one where nothing was given out yet. Raises LedgerUnavailable."""
        row = await self._table.read(_PARTITION, scope)
        return Budget(scope=scope) if row is None else _budget(row)

    async def all(self) -> tuple[dict[str, Budget], dict[str, LedgerDamaged]]:
        """Return all budgets by scope, and what is wrong with those that are damaged. Raises LedgerUnavailable."""
        found: dict[str, Budget] = {}
        damaged: dict[str, LedgerDamaged] = {}
        async for row in self._table.range(_PARTITION, "", _END):
            try:
                found[row.key] = _budget(row)
            except LedgerDamaged as error:
                damaged[row.key] = error
        return found, damaged

    async def write(self, budget: Budget) -> Budget:
        """Write a budget that was read, with changes; return it as stored.

        Raises LedgerConflict when somebody else changed it since (nothing was written), and LedgerUnavailable when
        the outcome is unknown: then what it gives out must not be used.
        """
        budget = replace(budget, nonce=self._new_nonce())
        values = _values(budget)
        operation: Operation = (
            Replace(budget.scope, values, budget.etag) if budget.etag else Create(budget.scope, values)
        )
        try:
            etags = await self._table.transact(_PARTITION, [operation])
        except LedgerConflict:
            # A retry inside the SDK makes our own write look like somebody else's.
            existing = await self.read(budget.scope)
            if existing.nonce != budget.nonce:
                raise
            return existing
        return replace(budget, etag=etags[budget.scope])


def _values(budget: Budget) -> Values:
    return written(
        grants=" ".join(f"{(grant.at - _EPOCH) // _MILLISECOND}:{grant.permits}" for grant in budget.grants),
        queue_end=write_time(budget.queue_end),
        limit=str(budget.limit) if budget.limit else None,
        nonce=budget.nonce,
    )


@sound
def _budget(row: Row) -> Budget:
    pairs = [text.split(":") for text in row.values.get("grants", "").split()]
    return Budget(
        scope=row.key,
        grants=tuple(Grant(_EPOCH + int(at) * _MILLISECOND, int(permits)) for at, permits in pairs),
        queue_end=optional(read_time, row.values.get("queue_end")),
        limit=optional(Limit.parse, row.values.get("limit")),
        nonce=row.values.get("nonce", ""),
        etag=row.etag,
    )
