"""The rules that the ledger knows and the rules in force do not name: they were removed, and may have had a file."""

from __future__ import annotations

from shared.clock import Clock
from shared.ledger import Bookkeeping
from shared.rules import Rules

REFRESH = 60.0  # seconds; late events come in thousands, and rules are seldom removed


class FormerRules:
    """Names them; what it remembers only saves reads."""

    def __init__(self, bookkeeping: Bookkeeping, clock: Clock) -> None:
        self._bookkeeping = bookkeeping
        self._clock = clock
        self._seen: frozenset[str] = frozenset()
        self._next_look = float("-inf")

    async def ledger_names(self, rules: Rules) -> list[str]:
        """Return the ledger names of all rules ever seen that these rules do not name. Raises LedgerUnavailable."""
        if self._clock.monotonic() >= self._next_look:
            self._seen = await self._bookkeeping.claimants() | set(await self._bookkeeping.standings())
            self._next_look = self._clock.monotonic() + REFRESH
        return sorted(name for name in self._seen if rules.by_ledger_name(name) is None)
