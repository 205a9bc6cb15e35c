"""How fast one process may call: a token bucket for each kind of call, below the workspace's published limits.

The limits are the workspace's, and several processes share them: an instance that serves events beside the one with
the timer, other tools, people. Each process therefore keeps to a share of its own, by default a half
(DATABRICKS_RATE_PERCENT); what still goes over is answered with 429, which slows the bucket, and with it every caller
of the process.
https://learn.microsoft.com/azure/databricks/resources/limits
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from shared.clock import Clock, Deadline
from shared.errors import JobsBusy

# Calls a second and workspace, by what follows /api/2.2/.
PUBLISHED: Mapping[str, float] = {
    "jobs/run-now": 20,
    "jobs/runs/get": 100,
    "jobs/runs/list": 30,
    "jobs/runs/get-output": 20,
    "jobs/runs/cancel": 10,
    "jobs/runs/repair": 5,
    "jobs/get": 20,
    "jobs/list": 20,
}
# The limits are per second, so a second's worth of calls may go at once after a pause.
BURST = 1.0
# Retry-After is not documented for the Jobs API; the SDK waits a second where it is missing.
LEAST_PAUSE = 1.0
_NO_TIME = 1e-6  # seconds; sums of floats are never quite what they should be


class TokenBucket:
    """Gives leave to call, in the order of asking but for turns that are given back, so many times a second.

    It counts on a clock of its own, which stands still during a pause: all who wait then wait so much longer, and
    nobody overtakes.
    """

    def __init__(self, clock: Clock, per_second: float) -> None:
        self._clock = clock
        self._interval = 1 / per_second
        self._next = clock.monotonic() - BURST  # when the next call may go, on the bucket's clock
        self._given_back: list[float] = []  # turns before that of those who could not wait, a heap
        self._stood_still = 0.0  # seconds that the bucket's clock is behind
        self._paused_until = 0.0  # on the real clock

    async def take(self, deadline: Deadline) -> None:
        """Wait for leave to make one call; raises JobsBusy at once when the deadline would pass meanwhile."""
        turn = self._turn(deadline)
        # A pause may begin while we wait.
        while (wait := turn - (self._clock.monotonic() - self._stood_still)) > _NO_TIME:
            if wait >= deadline.remaining():
                heappush(self._given_back, turn)
                raise _no_leave(wait)
            await self._clock.sleep(wait)

    def _turn(self, deadline: Deadline) -> float:
        """Return the next turn, on the bucket's clock; raises JobsBusy, and leaves it, where that is too late."""
        now = self._clock.monotonic() - self._stood_still
        while self._given_back and self._given_back[0] < now:
            heappop(self._given_back)
        turn = self._given_back[0] if self._given_back else max(self._next, now - BURST)
        if turn > now and turn - now >= deadline.remaining():
            raise _no_leave(turn - now)
        if self._given_back:
            heappop(self._given_back)
        else:
            self._next = turn + self._interval
        return turn

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long; pauses that overlap do not add up."""
        now = self._clock.monotonic()
        until = now + max(seconds, LEAST_PAUSE)
        if until > self._paused_until:
            # The call that was refused gives its turn back; what nobody used before the pause is lost.
            self._next = max(self._next - self._interval, now - self._stood_still)
            self._stood_still += until - max(now, self._paused_until)
            self._paused_until = until


class Pacing:
    """The buckets of one process."""

    def __init__(self, clock: Clock, percent: int) -> None:
        self._buckets = {path: TokenBucket(clock, limit * percent / 100) for path, limit in PUBLISHED.items()}

    async def take(self, path: str, deadline: Deadline) -> None:
        """Wait for leave to call a path; raises JobsBusy at once when the deadline would pass meanwhile."""
        if (bucket := self._buckets.get(path)) is not None:
            await bucket.take(deadline)

    def pause(self, path: str, seconds: float) -> None:
        """Slow everybody who calls a path, because Databricks asks for it."""
        if (bucket := self._buckets.get(path)) is not None:
            bucket.pause(seconds)


def _no_leave(wait: float) -> JobsBusy:
    message = f"Landfall keeps below Databricks' limits; its next turn is in {wait:.1f} s, which is too late."
    return JobsBusy(message, hint="Nothing was started; it is tried again later.", retry_after=wait)
