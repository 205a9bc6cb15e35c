"""When to look at what next, in an order that costs little however much there is."""

from __future__ import annotations

import heapq
from datetime import datetime


class Agenda:
    """Moments by the id of what is due then; planning anew replaces what was planned before."""

    def __init__(self) -> None:
        self._moments: dict[int, datetime] = {}
        self._heap: list[tuple[datetime, int]] = []  # holds outdated entries too, until they come to the top

    def plan(self, key: int, moment: datetime | None) -> None:
        """Note when something is due, None for never."""
        if self._moments.get(key) == moment:
            return
        if moment is None:
            del self._moments[key]
        else:
            self._moments[key] = moment
            heapq.heappush(self._heap, (moment, key))
        if len(self._heap) > 2 * len(self._moments) + 100:
            self._heap = [(planned, each) for each, planned in self._moments.items()]
            heapq.heapify(self._heap)

    def first(self) -> datetime | None:
        """Return the earliest moment, None when nothing is planned."""
        while self._heap and self._moments.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> set[int]:
        """Return what is due by now, and forget its moments."""
        found: set[int] = set()
        while (moment := self.first()) is not None and moment <= now:
            key = heapq.heappop(self._heap)[1]
            del self._moments[key]
            found.add(key)
        return found
