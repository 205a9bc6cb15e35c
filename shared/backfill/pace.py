"""A pace: so many a second, evenly, on an injected clock."""

from __future__ import annotations

from shared.clock import Clock


class Pace:
    """Gives turns, the first at once; after a pause nothing is caught up on."""

    def __init__(self, clock: Clock, rate: float | None) -> None:
        self._clock = clock
        self._interval = 1 / rate if rate else 0.0
        self._next = clock.monotonic()

    async def turn(self) -> None:
        """Wait for the next turn."""
        if not self._interval:
            return
        now = self._clock.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._interval
        if turn > now:
            await self._clock.sleep(turn - now)
