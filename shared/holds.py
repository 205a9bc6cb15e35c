"""Holds: an entry waits on purpose, and what becomes of it when the waiting is over."""

from __future__ import annotations

from shared.landing import Landing
from shared.model import Arrival, Entry, Result
from shared.rule_book import RuleBook
from shared.rules import OnOverwrite


class Holds:
    """Decides about held entries that are due."""

    def __init__(self, *, landing: Landing, rule_book: RuleBook) -> None:
        self._landing = landing
        self._rule_book = rule_book

    async def closing(self, entry: Entry) -> Result | None:
        """Return the result that closes an entry whose file did not wait for it, None when it is to be started.

        A newer version has an entry of its own, which starts the job once for what is there. Raises
        BlobsUnavailable, or RulesError while there are no rules at all.
        """
        found = await self._landing.identify(entry.arrival)
        if found is None:
            return Result.VANISHED
        if found.version == entry.arrival.version or _only_touched(entry.arrival, found):
            return None
        rule = (await self._rule_book.current()).by_name(entry.rule)
        if rule is None or rule.on_overwrite is not OnOverwrite.RUN:
            return None  # then the newer version starts nothing
        return Result.SUPERSEDED


def _only_touched(claimed: Arrival, found: Arrival) -> bool:
    return bool(claimed.md5) and claimed.md5 == found.md5 and claimed.size == found.size
