"""Which answers Event Grid takes for success, which it retries and when, and when it gives up. Pure.

https://learn.microsoft.com/azure/event-grid/delivery-and-retry, as of 2026.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SCHEDULE = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),  # and every 12 hours from then on
)
# "A small randomization", here never early, because the shortest waits below are said to be "or more".
_JITTER = 0.1
_SUCCESSES = frozenset(range(200, 205))
_SHORTEST_WAITS: Mapping[int, timedelta] = {
    401: timedelta(minutes=5),
    404: timedelta(minutes=5),
    408: timedelta(minutes=2),
    503: timedelta(seconds=30),
}
_OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
    429: "Busy",
    503: "Busy",
}


class EndpointType(StrEnum):
    """What an event subscription delivers to, in the words of its ARM template; it decides what is retried."""

    WEB_HOOK = "WebHook"
    AZURE_FUNCTION = "AzureFunction"


_NEVER_RETRIED = {
    EndpointType.WEB_HOOK: frozenset({400, 401, 403, 413}),
    EndpointType.AZURE_FUNCTION: frozenset({400, 403, 413}),
}


class GiveUp(StrEnum):
    """Why Event Grid stops trying, as `deadLetterReason` says it."""

    ATTEMPTS = "MaxDeliveryAttemptsExceeded"
    TIME_TO_LIVE = "TimeToLiveExceeded"
    CLIENT_ERROR = "UndeliverableDueToClientError"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an attempt came to: an HTTP status, or 0 and the outcome in Event Grid's words."""

    status: int
    outcome: str

    @property
    def success(self) -> bool:
        """Tell whether Event Grid counts the event as delivered."""
        return self.status in _SUCCESSES

    @classmethod
    def of_status(cls, status: int) -> Answer:
        """Return the answer that is an HTTP status."""
        outcome = "Delivered" if status in _SUCCESSES else _OUTCOMES.get(status, "GenericError")
        return cls(status=status, outcome=outcome)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Event Grid's patience, every duration multiplied by `time_scale`."""

    max_attempts: int = 30  # 1 to 30
    time_to_live: timedelta = timedelta(minutes=1440)  # looked at before an attempt only
    endpoint: EndpointType = EndpointType.WEB_HOOK
    time_scale: float = 1.0

    def scaled(self, duration: timedelta) -> float:
        """Return a duration in seconds as this policy lives it."""
        return duration.total_seconds() * self.time_scale

    def retries(self, answer: Answer) -> bool:
        """Tell whether an answer that is no success may be followed by another attempt."""
        return answer.status not in _NEVER_RETRIED[self.endpoint]

    def wait(self, attempts: int, answer: Answer, randomness: random.Random) -> float:
        """Return the seconds to wait after the n-th attempt (1 and more) ended with an answer that is retried."""
        step = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
        step = max(step, _SHORTEST_WAITS.get(answer.status, step))
        return self.scaled(step) * randomness.uniform(1, 1 + _JITTER)

    def expired(self, age: float) -> bool:
        """Tell whether an event that was published `age` seconds ago is too old for another attempt."""
        return age >= self.scaled(self.time_to_live)
