"""When to ask again: what the server wishes, and a growing random pause against everybody asking at once."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Retry-After is not documented for the Jobs API, so whatever comes is kept between 0 and this many seconds.
LONGEST_RETRY_AFTER = 300.0
_SECONDS = re.compile(r"[+-]?[0-9]{1,400}(?:\.[0-9]{0,20})?")  # 400 digits: a float still holds it, as infinity or less


def retry_after(text: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for: a number or an HTTP date; 0 for anything else."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return _clamped(float(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    try:
        # A date in "-0000" comes without a zone; HTTP dates are always GMT.
        return _clamped((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except OverflowError:
        return 0.0


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class RetryPace:
    """The waits of one call: full jitter below 1, 2, 4 … 30 seconds, but never less than the server asks for.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    LONGEST = 30.0

    def __init__(self, randomness: random.Random) -> None:
        self._randomness = randomness
        self._ceiling = 1.0

    def next_wait(self, asked_for: float) -> float:
        """Return the seconds to wait before the next attempt."""
        jitter = self._randomness.uniform(0, self._ceiling)
        self._ceiling = min(self.LONGEST, self._ceiling * 2)
        return max(asked_for, jitter)
