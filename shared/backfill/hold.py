"""One worker's hold on one backfill: what is stored of it, what was done since, and how it is given back."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared import logs
from shared.clock import Clock
from shared.errors import BlobsUnavailable, LedgerError
from shared.ledger import Backfill, BackfillCursor, Backfills, BackfillState
from shared.ledger.backfills import LEASE
from shared.redaction import told

# A cursor that the service refuses looks like an outage, so a few times it is taken for one; after about an hour of
# passes a person must look.
BEGIN_ANEW_EVERY, MOST_FAILURES = 3, 60
LONGEST_REASON = 500


@dataclass(slots=True)
class BackfillHold:
    """A backfill in work; where it has no store, nothing of what is done is kept."""

    stored: Backfill  # its counts are those up to its cursor
    store: Backfills | None
    clock: Clock
    page: Counter[str] = field(default_factory=Counter)  # the counts of the page at hand

    @property
    def now(self) -> Backfill:
        """Return the backfill with what was done behind its cursor."""
        return replace(self.stored, counts=dict(Counter(self.stored.counts) + self.page))

    @property
    def room(self) -> int | None:
        """Return how many claims it may still win behind its cursor."""
        return None if self.stored.limit is None else self.stored.limit - self.stored.counts.get("claimed", 0)

    @property
    def is_full(self) -> bool:
        """Tell whether it has claimed as many as it may."""
        return self.room is not None and self.page["claimed"] >= self.room

    def begin_anew(self) -> None:
        """Forget how far it came; what it claimed is recognised, and counted again."""
        logs.warning("backfill.began_anew", backfill=self.stored.id)
        self.stored = replace(self.stored, cursor=None, counts={})

    async def turn_page(self, cursor: BackfillCursor) -> None:
        """Write down that the page at hand is done. Raises LedgerError, and LedgerConflict when the hold is lost."""
        turned = replace(self.now, cursor=cursor, failures=0, reason="")
        await self._save(replace(turned, lease_until=self.clock.now() + LEASE))
        self.page = Counter()

    async def renew(self) -> None:
        """Prolong the lease where it is time to; raises like `turn_page`."""
        lease_until = self.stored.lease_until
        if lease_until and lease_until - self.clock.now() < LEASE / 2:
            await self._save(replace(self.stored, lease_until=self.clock.now() + LEASE))

    async def end(self, state: BackfillState, reason: str, retention: timedelta) -> None:
        """Write down that it has ended, and forget those that ended long ago; raises like `turn_page`."""
        now = self.clock.now()
        await self._save(replace(self.now, state=state, reason=reason, ended_at=now, lease_until=None))
        self.page = Counter()
        if self.store is None:
            return
        log = logs.error if state is BackfillState.FAILED else logs.fact
        log("backfill.ended", backfill=self.stored.id, state=state, reason=reason or None, **self.stored.counts)
        with suppress(LedgerError):
            await self.store.prune(now - retention)

    async def let_go(self) -> None:
        """Give the lease back, so that anybody can go on at once; the page at hand is begun again then."""
        if self.store is not None:
            await self._save_if_possible(replace(self.stored, lease_until=None))
            logs.fact("backfill.advanced", backfill=self.stored.id, **self.now.counts)

    async def interrupt(self, error: Exception) -> None:
        """Write down what stopped it, and give the lease back. A listing that stays refused is begun anew."""
        reason = told(error)[:LONGEST_REASON]
        logs.warning("backfill.interrupted", backfill=self.stored.id, reason=reason)
        failures = self.stored.failures + 1
        if isinstance(error, BlobsUnavailable) and failures % BEGIN_ANEW_EVERY == 0 and self.stored.cursor:
            self.begin_anew()
        changed = replace(self.stored, failures=failures, reason=reason, lease_until=None)
        if failures >= MOST_FAILURES:
            changed = replace(changed, state=BackfillState.FAILED, ended_at=self.clock.now())
        await self._save_if_possible(changed)

    async def _save(self, changed: Backfill) -> None:
        self.stored = changed if self.store is None else await self.store.save(changed)

    async def _save_if_possible(self, changed: Backfill) -> None:
        with suppress(LedgerError):  # then the lease ends by itself
            await self._save(changed)
