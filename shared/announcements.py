"""Announcements: a rule is written down before its first claim, so that passes find its entries whatever follows.

A pass looks at the rules in force and at those that a pass has seen. A rule that claims and is removed before the next
pass is neither.
"""

from __future__ import annotations

from shared.ledger import Bookkeeping


class Announcements:
    """Makes them, once for each rule and process; what it remembers only saves calls."""

    def __init__(self, bookkeeping: Bookkeeping) -> None:
        self._bookkeeping = bookkeeping
        self._announced: set[str] = set()

    async def announce(self, rule: str) -> None:
        """Make sure that passes find a rule, by its ledger name. Raises LedgerError: then it must not claim."""
        if rule not in self._announced:
            await self._bookkeeping.announce(rule)
            self._announced.add(rule)
