"""The differences that other rules make to arrivals, counted exactly in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field

from cli.rules.diff.decisions import Change, Decision, change_between, decisions
from shared.model import Arrival
from shared.parameters import Locations
from shared.rules import Rules


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """An arrival about which the old and the new rules decide differently."""

    arrival: Arrival
    change: Change
    old: tuple[Decision, ...]
    new: tuple[Decision, ...]


@dataclass(slots=True)
class Tally:
    """How many arrivals there were of each change."""

    counts: Counter[Change] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Return how many arrivals were looked at."""
        return self.counts.total()

    @property
    def differing(self) -> int:
        """Return how many arrivals differ."""
        return self.counts.total() - self.counts[Change.SAME]


async def compare(
    old: Rules, new: Rules, arrivals: AsyncIterator[Arrival], locations: Locations, tell: Callable[[Difference], None]
) -> AsyncGenerator[Tally, None]:
    """Tell of each arrival that differs, and yield the counts so far after each arrival."""
    tally = Tally()
    async for arrival in arrivals:
        before, after = decisions(old, arrival, locations), decisions(new, arrival, locations)
        change = change_between(before, after)
        tally.counts[change] += 1
        if change is not Change.SAME:
            tell(Difference(arrival=arrival, change=change, old=before, new=after))
        yield tally
