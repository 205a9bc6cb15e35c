"""The line: entries that a limit holds back, in the order of their due times. What that means for one entry."""

from __future__ import annotations

from datetime import timedelta

from shared.clock import Clock
from shared.ledger import Marker
from shared.limits.limiter import Limiter, Place
from shared.model import Entry, State

# Whoever is this late for its turn gets another place, as after a limit was lowered: its due time means nothing.
LATE = timedelta(hours=6)


class Line:
    """Puts entries into the line of what stops their rules."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock
        # While nothing starts for hours, all who wait come due, and would hide the runs that are to be read back.
        self._late = LATE if limiter.is_on else timedelta(0)

    def has_to_wait(self, marker: Marker) -> bool:
        """Tell whether an entry that stands in a line has to stay there; asks nobody."""
        is_late = self._clock.now() - marker.due_at >= self._late
        rule = marker.partition.rpartition("|")[0]
        return marker.is_held_back and not is_late and self._limiter.is_closed(rule, waited=True)

    def new(self, entry: Entry) -> Entry:
        """Return a new entry in the line; as it is, to be started at once, where that would take asking somebody."""
        place = self._limiter.place_in_hand(entry.rule)
        return entry.evolve(**_changes(entry, place)) if place else entry

    async def changes(self, entry: Entry) -> dict[str, object]:
        """Return what changes of an entry that goes into the line; nothing where it stands there. Raises LedgerError.

        What may have been sent stays what it is, for only the same may be sent again (rule R2).
        """
        if entry.is_held_back and entry.due_at and self._clock.now() - entry.due_at < self._late:
            return {}
        return _changes(entry, await self._limiter.place(entry.rule, waited=entry.is_held_back))


def _changes(entry: Entry, place: Place) -> dict[str, object]:
    state = State.HELD if entry.first_sent_at is None else entry.state
    return {"state": state, "due_at": place.due_at, "reason": place.reason}
