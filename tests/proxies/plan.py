"""Which requests meet which fault: drawn from one seed, or said beforehand; and what came of it, in numbers."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from tests.proxies.faults import Fault, Kind


class FaultPlan:
    """The faults of one proxy. While it rests every request passes; `requests` and `made` count all the same."""

    def __init__(self, seed: int | str = 0) -> None:
        self.resting = False
        self.requests: Counter[str] = Counter()  # by operation
        self.made: Counter[tuple[str, Kind]] = Counter()  # by operation and kind
        self._randomness = random.Random(seed)
        self._said: dict[str, deque[Fault]] = defaultdict(deque)
        self._mixes: dict[str, tuple[float, Sequence[Fault]]] = {}
        self._decks: dict[str, list[Fault]] = {}

    def say(self, operation: str, *faults: Fault) -> None:
        """Let the next requests for an operation meet these faults, one each, in this order."""
        self._said[operation].extend(faults)

    def mix(self, operation: str, share: float, faults: Sequence[Fault]) -> None:
        """Let a share of the requests for an operation meet these faults: each once, in any order, then all again."""
        self._mixes[operation] = (share, faults)
        self._decks[operation] = []

    def take(self, operation: str) -> Fault | None:
        """Count a request and return the fault that it meets."""
        self.requests[operation] += 1
        if self._said[operation]:
            return self._said[operation].popleft()
        share, faults = self._mixes.get(operation, (0.0, ()))
        if self.resting or not faults or self._randomness.random() >= share:
            return None
        deck = self._decks[operation]
        if not deck:
            deck += self._randomness.sample(faults, len(faults))
        return deck.pop()

    def count(self, operation: str, fault: Fault) -> None:
        """Count a fault that was made."""
        self.made[operation, fault.kind] += 1
