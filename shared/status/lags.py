"""How long arrivals waited for their claim: eight bytes each while they are gathered, percentiles in the end."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LagSummary:
    """Percentiles in seconds; None where there was nothing to measure."""

    count: int
    p50: float | None
    p95: float | None
    max: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return it as JSON can hold it, to the millisecond, which is what the ledger keeps."""
        return {"count": self.count, "p50": _rounded(self.p50), "p95": _rounded(self.p95), "max": _rounded(self.max)}


class Lags:
    """Lags in seconds, in the order they came."""

    def __init__(self) -> None:
        self._seconds = array("d")

    def add(self, seconds: float) -> None:
        """Take in one lag. A negative one counts as none: the two times are of different clocks."""
        self._seconds.append(max(0.0, seconds))

    def absorb(self, other: Lags) -> None:
        """Take in all lags of another."""
        self._seconds.extend(other._seconds)

    def summary(self) -> LagSummary:
        """Return the exact percentiles of what was taken in."""
        ordered = sorted(self._seconds)
        return LagSummary(
            count=len(ordered), p50=percentile(ordered, 50), p95=percentile(ordered, 95), max=percentile(ordered, 100)
        )


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile: the least value that at least `percent` in a hundred do not exceed.

    It is always a value that was measured, never one between two. `percent` is 1 to 100. None where there are none.
    """
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)  # in integers: a rank must not depend on how 0.95 is stored
    return ordered[rank - 1]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
