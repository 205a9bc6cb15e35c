"""A line in which rules take turns, and the entries of a rule come by age: nobody's backlog is everybody's."""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from itertools import count

from shared.ledger import Marker
from shared.model import Run

Due = tuple[Marker, Run | None]


class FairLine:
    """Entries that wait to be settled, each with its run where that has been listed."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[float, int, Due]]] = {}  # by rule, a heap
        self._turns: deque[str] = deque()  # rules that have something waiting
        self._tickets = asyncio.Semaphore(0)
        self._numbers = count()

    def add(self, marker: Marker, run: Run | None = None) -> None:
        """Put an entry in line."""
        rule = marker.partition.rpartition("|")[0]
        heap = self._waiting.setdefault(rule, [])
        if not heap:
            self._turns.append(rule)
        heappush(heap, (marker.due_at.timestamp(), next(self._numbers), (marker, run)))
        self._tickets.release()

    def close(self, takers: int) -> None:
        """Send so many takers home once nothing waits any more; nothing may be added afterwards."""
        for _ in range(takers):
            self._tickets.release()

    async def take(self) -> Due | None:
        """Wait for the next entry; None when the line is closed and empty."""
        await self._tickets.acquire()
        if not self._turns:
            return None
        rule = self._turns.popleft()
        heap = self._waiting[rule]
        _, _, due = heappop(heap)
        if heap:
            self._turns.append(rule)
        return due
