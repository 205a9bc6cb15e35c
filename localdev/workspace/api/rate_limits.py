"""The rates that Databricks publishes for the Jobs API, and a limiter that keeps to them.

https://learn.microsoft.com/azure/databricks/resources/limits
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from localdev.workspace.errors import too_many_requests, wrong_state
from shared.clock import Clock

LIMITS: Mapping[tuple[str, str], int] = {  # requests a second, per workspace
    ("POST", "jobs/run-now"): 20,
    ("GET", "jobs/runs/get"): 100,
    ("GET", "jobs/runs/list"): 30,
    ("GET", "jobs/runs/get-output"): 20,
    ("POST", "jobs/runs/submit"): 35,
    ("GET", "jobs/get"): 20,
    ("GET", "jobs/list"): 20,
    ("POST", "jobs/create"): 20,
    ("POST", "jobs/reset"): 20,
    ("POST", "jobs/update"): 10,
    ("POST", "jobs/delete"): 10,
    ("POST", "jobs/runs/cancel"): 10,
    ("POST", "jobs/runs/cancel-all"): 5,
    ("POST", "jobs/runs/repair"): 5,
}
CREATIONS_AN_HOUR = 10_000
RETRY_AFTER = "1"  # seconds; the SDKs say that the platform sends whole ones
_CREATIONS = frozenset({("POST", "jobs/create"), ("POST", "jobs/runs/submit")})
_HOUR = 3600.0


class RateLimits:
    """A bucket of tokens per endpoint, which holds one second's worth of them, and a count of the jobs of an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # tokens left, and when that was
        self._creations: deque[float] = deque()

    def take(self, endpoint: tuple[str, str]) -> None:
        """Count a request; raises ApiError when it is one too many. Requests that are refused do not count."""
        rate = LIMITS.get(endpoint)
        now = self._clock.monotonic()
        if rate is not None:
            left, since = self._buckets.get(endpoint, (float(rate), now))
            left = min(float(rate), left + (now - since) * rate)
            self._buckets[endpoint] = (left, now)
            if left < 1:
                raise too_many_requests(f"{endpoint[1]} takes {rate} a second")
            self._buckets[endpoint] = (left - 1, now)
        if endpoint in _CREATIONS:
            self._count_creation(now)

    def _count_creation(self, now: float) -> None:
        while self._creations and self._creations[0] <= now - _HOUR:
            self._creations.popleft()
        if len(self._creations) >= CREATIONS_AN_HOUR:
            raise wrong_state(f"There were already {len(self._creations)} jobs created in past 3600 seconds")
        self._creations.append(now)
