"""What is counted of a rule, or of all of them: one look at each row of the ledger, little kept of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.ledger import Indexed, Marker
from shared.model import Result, Source, State
from shared.status.lags import Lags

# The windows of the missed-event rate, whatever window the other counts are asked for.
WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
# What no event announces (a touch), or announces too late to matter, tells nothing of how well events arrive.
_NO_ARRIVALS = {Result.TOUCHED, Result.SUPERSEDED}


@dataclass(slots=True)
class MissedEvents:
    """How many of the arrivals of a window the sweep had to find."""

    since: datetime
    missed: int = 0
    arrivals: int = 0  # found by event or by sweep

    @property
    def rate(self) -> float | None:
        """Return the share of missed events, 0 to 1; None where nothing arrived."""
        return self.missed / self.arrivals if self.arrivals else None

    def add(self, indexed: Indexed) -> None:
        """Count an arrival where it is of the window."""
        if indexed.committed_at >= self.since:
            self.arrivals += 1
            self.missed += indexed.source is Source.SWEEP

    def absorb(self, other: MissedEvents) -> None:
        """Add what another rule has counted."""
        self.missed += other.missed
        self.arrivals += other.arrivals

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"missed": self.missed, "arrivals": self.arrivals, "rate": self.rate}


class Counts:
    """Open entries whenever they came; of those committed since a moment: closed ones, missed events, lags."""

    def __init__(self, at: datetime, since: datetime) -> None:
        self.since = since
        self.states: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.missed = 0
        self.duplicates = 0
        self.backfilled = 0
        self.oldest_open: datetime | None = None
        self.held_back = 0
        self.next_in_line: datetime | None = None
        self.missed_events = {name: MissedEvents(at - length) for name, length in WINDOWS.items()}
        self.lags = {Source.EVENT: Lags(), Source.SWEEP: Lags()}

    def add_open(self, marker: Marker) -> None:
        """Count an open entry."""
        self.states[marker.state.value] += 1
        self._see_open(marker.claimed_at)
        if marker.is_held_back:
            self.held_back += 1
            self._see_in_line(marker.due_at)

    def add(self, indexed: Indexed) -> None:
        """Count an entry as its time index tells it; open ones are counted by their markers."""
        is_asked_for = indexed.committed_at >= self.since
        if is_asked_for:
            self._add_outcome(indexed.outcome)
            self.backfilled += indexed.source is Source.BACKFILL
        lags = self.lags.get(indexed.source)
        if lags is None or indexed.outcome in _NO_ARRIVALS:
            return
        for window in self.missed_events.values():
            window.add(indexed)
        if is_asked_for:
            self.missed += indexed.source is Source.SWEEP
            if indexed.claimed_at is not None:
                lags.add((indexed.claimed_at - indexed.committed_at).total_seconds())

    def absorb(self, other: Counts) -> None:
        """Add what was counted of another rule, over the same windows."""
        self.states.update(other.states)
        self.results.update(other.results)
        self.missed += other.missed
        self.duplicates += other.duplicates
        self.backfilled += other.backfilled
        if other.oldest_open is not None:
            self._see_open(other.oldest_open)
        self.held_back += other.held_back
        if other.next_in_line is not None:
            self._see_in_line(other.next_in_line)
        for name, window in other.missed_events.items():
            self.missed_events[name].absorb(window)
        for source, lags in other.lags.items():
            self.lags[source].absorb(lags)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON can hold them."""
        return {
            "states": {state.value: self.states[state.value] for state in State},
            "results": dict(sorted(self.results.items())),
            "missed": self.missed,
            "duplicates": self.duplicates,
            "backfilled": self.backfilled,
            "missed_events": {name: window.as_json() for name, window in self.missed_events.items()},
            "lag_seconds": {source.value: lags.summary().as_json() for source, lags in self.lags.items()},
            "oldest_open": self.oldest_open.isoformat(timespec="milliseconds") if self.oldest_open else None,
            "held_back": self.held_back,
            "next_in_line": self.next_in_line.isoformat(timespec="milliseconds") if self.next_in_line else None,
        }

    def _add_outcome(self, outcome: str) -> None:
        if outcome == State.DEAD:
            self.states[State.DEAD.value] += 1
        elif outcome != "open":
            self.states[State.SETTLED.value] += 1
            self.results[outcome] += 1

    def _see_in_line(self, due_at: datetime) -> None:
        self.next_in_line = min(self.next_in_line or due_at, due_at)

    def _see_open(self, claimed_at: datetime) -> None:
        self.oldest_open = min(self.oldest_open or claimed_at, claimed_at)
