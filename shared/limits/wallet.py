"""What one instance has in hand of one limit; nothing here is lost but permits when the process dies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.ledger import Budget
from shared.limits.windows import largest_block, life, step
from shared.rules import Limit

# With less of a permit's life left than this, a request would not get its answer in time.
LEAST_LIFE = timedelta(seconds=5)
MOST_PLACES = 500  # in the line at once


@dataclass(slots=True)
class Block:
    """Permits that were given out together."""

    at: datetime  # the moment that the budget knows them by
    until: datetime
    left: int


@dataclass(slots=True)
class Wallet:
    """Permits of one limit, places in its line, and what is known of its budget."""

    scope: str
    limit: Limit
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one asks for all that wait
    waiting: int = 0
    budget: Budget | None = None  # as this instance has seen it last
    exhausted_until: datetime | None = None
    told_until: datetime | None = None  # a person has been told, until then
    _blocks: list[Block] = field(default_factory=list)
    _size: int = 1  # of the next block: it grows with demand, so that idle instances hold little
    _place_at: datetime | None = None
    _places_until: datetime | None = None
    _places: int = 0
    _most_places: int = 1

    def take(self, now: datetime) -> Block | None:
        """Take a permit that is in hand."""
        for block in self._blocks:
            if block.left and block.until - now >= LEAST_LIFE:
                block.left -= 1
                return block
        return None

    def left(self, now: datetime) -> int:
        """Return how many permits are in hand."""
        return sum(block.left for block in self._blocks if block.until - now >= LEAST_LIFE)

    def is_exhausted(self, now: datetime) -> bool:
        """Tell whether it is known that no permit is to be had now."""
        return self.exhausted_until is not None and self.exhausted_until > now and not self.left(now)

    def put_in(self, at: datetime, now: datetime, permits: int) -> None:
        """Put in what was given out; what is in hand already can be used no longer."""
        self._blocks = [block for block in self._blocks if block.until > now]
        self._blocks.append(Block(at, now + life(self.limit), permits))
        self.exhausted_until = None

    def take_out_unused(self, now: datetime) -> dict[datetime, int]:
        """Take out the permits that can be used no longer, by the moment they were given out: they go back."""
        old = [block for block in self._blocks if block.until - now < LEAST_LIFE]
        unused: dict[datetime, int] = {}
        for block in old:
            unused[block.at] = unused.get(block.at, 0) + block.left
            self._blocks.remove(block)
        return unused

    def next_size(self, unused: int) -> int:
        """Return how many permits to ask for: twice as many as before where all were used, else fewer."""
        self._size = max(1, self._size // 2) if unused else self._size * 2
        self._size = min(max(self._size, self.waiting), largest_block(self.limit))
        return self._size

    def line_reaches(self, moment: datetime) -> bool:
        """Tell whether, as far as this instance knows, the line is that long."""
        end = self.budget.queue_end if self.budget else None
        return end is not None and end >= moment

    def take_place(self, now: datetime) -> datetime | None:
        """Take the next place in the line and return when it is due; None where none is in hand."""
        if not self._places or self._place_at is None or self._places_until is None or self._places_until <= now:
            return None
        due_at = self._place_at
        self._places -= 1
        self._place_at = due_at + step(self.limit)
        return max(due_at, now)

    def put_in_places(self, first: datetime, now: datetime, places: int) -> None:
        """Put in places in the line, and ask for more the next time."""
        self._place_at, self._places, self._places_until = first, places, now + life(self.limit)
        self._most_places = min(places * 2, MOST_PLACES)

    def next_places(self, now: datetime) -> int:
        """Return how many places to ask for: more where those before were all used."""
        if self._places_until is None or self._places_until <= now:
            self._most_places = 1
        return max(self._most_places, min(self.waiting, MOST_PLACES))
