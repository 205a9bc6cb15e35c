"""What the ledger knows of a backfill's window, in range reads of the time index instead of a read per blob."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shared.clock import Deadline
from shared.ledger import Backfill, Entries, Indexed, partitions_of
from shared.model import ABSENT, Arrival, Entry, Result, Source, State
from shared.sweep.key_set import KeySet
from shared.sweep.known import INDEX_MARGIN

MOST_KEYS = 2_000_000  # 32 MB; what does not fit is asked for one by one
# The clocks of those who work on one backfill may differ by this.
SKEW = timedelta(minutes=10)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class BackfillKnown:
    """The keys of entries in the window, except those of absent files and those that this backfill may have made.

    What is not among them may have an entry nevertheless: only the claim itself, or a read, tells.
    """

    def __init__(self, entries: Entries, backfill: Backfill) -> None:
        self._entries = entries
        self._backfill = backfill
        self._keys = KeySet()
        self.is_whole = False  # whether every entry of the window was seen

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    async def load(self, rules: Iterable[str], deadline: Deadline) -> None:
        """Read the window of rules, named as in the ledger, until the deadline. Raises LedgerUnavailable."""
        # An entry's time is its file's Last-Modified, its event's a little later, or that of a rename much later.
        since = max([_BEGINNING + INDEX_MARGIN, *filter(None, (self._backfill.since, self._backfill.arrived_at))])
        for rule in rules:
            for partition in partitions_of(rule):
                async for indexed in self._entries.between(partition, since - INDEX_MARGIN):
                    if len(self._keys) >= MOST_KEYS or deadline.passed():
                        return
                    if indexed.outcome not in ABSENT and not self._may_be_ours(indexed):
                        self._keys.add(indexed.key)
        self.is_whole = True

    async def outcome(self, rule: str, arrival: Arrival, key: str) -> str:
        """Return what an entry is to this backfill: "known", what it was claimed as by it, or "" where there is none.

        Raises LedgerUnavailable.
        """
        entry = await self._entries.read(rule, arrival, key)
        if entry is None or entry.result in ABSENT:
            return ""  # what is listed is there now, so that it is claimed again
        return outcome_of(entry, self._backfill)

    def _may_be_ours(self, indexed: Indexed) -> bool:
        if indexed.source is not Source.BACKFILL:
            return False
        return indexed.claimed_at is None or indexed.claimed_at >= self._backfill.created_at - SKEW


def outcome_of(entry: Entry, backfill: Backfill) -> str:
    """Return what an entry that exists is to a backfill: "known", or as what this very backfill had claimed it."""
    if entry.arrival.source is not Source.BACKFILL or entry.arrival.event_id != backfill.id:
        return "known"
    if entry.state is State.DEAD and entry.request is None:
        return str(State.DEAD)  # on arrival, for what its parameters are
    return str(entry.result) if entry.result in {Result.TOUCHED, Result.IGNORED} else "claimed"
