"""Breakers: when Databricks refuses a rule's job as such, its files wait together instead of failing one by one.

A breaker only saves calls. It is kept in memory by each instance and written down for the others and for people.
"""

from __future__ import annotations

from datetime import timedelta

from shared import logs
from shared.clock import Clock
from shared.errors import LedgerError
from shared.ledger import Bookkeeping, Breaker

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


class Breakers:
    """The breakers of all rules, as one instance knows them."""

    def __init__(self, bookkeeping: Bookkeeping, clock: Clock) -> None:
        self._bookkeeping = bookkeeping
        self._clock = clock
        self._tripped: dict[str, Breaker] = {}

    async def load(self) -> None:
        """Read what other instances have written. Raises LedgerUnavailable."""
        self._tripped = await self._bookkeeping.breakers()

    def holding(self, rule: str) -> Breaker | None:
        """Return the breaker that stops a rule now; None lets its next file try."""
        breaker = self._tripped.get(rule)
        return breaker if breaker and breaker.until > self._clock.now() else None

    async def trip(self, rule: str, reason: str) -> Breaker:
        """Stop a rule for a while, longer each time in a row; a rule that is stopped already stays as it is."""
        holding = self.holding(rule)
        if holding:
            return holding
        trips = self._tripped[rule].trips + 1 if rule in self._tripped else 1
        wait = min(FIRST_WAIT * 2 ** min(trips - 1, 10), LONGEST_WAIT)
        breaker = Breaker(rule=rule, reason=reason[:500], until=self._clock.now() + wait, trips=trips)
        self._tripped[rule] = breaker
        logs.error("breaker.tripped", rule=rule, until=breaker.until, trips=trips, reason=reason)
        await self._save(breaker)
        return breaker

    async def close(self, rule: str) -> None:
        """Let a rule run again after a run was started; does nothing for a rule that never tripped."""
        breaker = self._tripped.pop(rule, None)
        if breaker:
            logs.fact("breaker.closed", rule=rule, trips=breaker.trips)
            await self._save(Breaker(rule=rule, reason="", until=self._clock.now(), trips=0))

    async def _save(self, breaker: Breaker) -> None:
        try:
            await self._bookkeeping.save_breaker(breaker)
        except LedgerError as error:
            logs.warning("breaker.unsaved", rule=breaker.rule, reason=error)
