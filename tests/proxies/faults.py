"""What a proxy can do to a request or to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """One way in which an exchange goes wrong; "after" means that the upstream has done its work all the same."""

    LATENCY = "latency"  # the right answer, late
    SLOW_BODY = "slow body"  # the right answer, whose body trickles
    RESET_BEFORE = "reset before"  # a TCP reset; nothing was forwarded
    RESET_AFTER = "reset after"
    HALF_CLOSE = "half-close"  # our side of the connection ends without an answer, the client's stays open
    DROP_AFTER = "drop after"  # the connection ends in order, and without an answer
    UNAVAILABLE_BEFORE = "503 before"
    UNAVAILABLE_AFTER = "503 after"  # the effect is kept, the answer is replaced
    SERVER_ERROR = "500"
    THROTTLED = "429"
    LOGIN_PAGE = "login page"  # 200 with HTML, as proxies and captive portals answer
    TRUNCATED = "truncated"  # a part of the body, as if it were whole
    CUT_OFF = "cut off"  # the connection ends within the body


# Nothing of these reaches the upstream.
BEFORE = frozenset(
    {
        Kind.RESET_BEFORE,
        Kind.HALF_CLOSE,
        Kind.UNAVAILABLE_BEFORE,
        Kind.SERVER_ERROR,
        Kind.THROTTLED,
        Kind.LOGIN_PAGE,
    }
)
# These need a body; an answer without one passes as it is.
OF_BODIES = frozenset({Kind.SLOW_BODY, Kind.TRUNCATED, Kind.CUT_OFF})


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault with what it needs.

    Seconds for what is slow, a header for 429 and 503, the share of the body that comes for what cuts it.
    """

    kind: Kind
    seconds: float = 0.0
    retry_after: str | None = None
    share: float = 0.5
