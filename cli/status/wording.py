"""How figures of the status are said in few characters, and its counts in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from cli.output import span
from shared.status import LagSummary, MissedEvents

NOTHING = "-"
# What a sweep counts, in the order in which it is told. A count that is not here is shown under its own name.
SWEEP_COUNTS = {
    "listed": "blobs looked at",
    "known": "have an entry",
    "missed": "no event had come: claimed now",
    "fired": "of these started at once",
    "touched": "skipped: only their metadata had changed",
    "superseded": "skipped: a newer version had been claimed",
    "ignored": "skipped: recorded, the rule does not run them",
    "elsewhere": "skipped: another rule has had them",
    "unwanted": "skipped: no rule wants them any more",
    "gone": "skipped: gone when they were looked at",
    "vanished": "skipped: gone before a run was started",
    "early": "left for later: their events may still come",
    "unfinished": "left for later: still being written",
    "failed": "left for later: could not be looked up or claimed",
    "pages": "of listings",
    "seconds": "of listing and claiming",
}


def share(events: MissedEvents) -> str:
    """Return how many events were missed, and of how many arrivals in a hundred."""
    if events.rate is None:
        return NOTHING
    return f"{events.missed} {percent(events.rate)}" if events.missed else "0"


def percent(rate: float) -> str:
    """Return a share as people say it; what is not nothing is never shown as nothing, nor what is not all as all."""
    if 0 < rate < 0.001:
        return "<0.1%"
    if 0.995 <= rate < 1:
        return ">99%"
    return f"{rate:.1%}" if 0 < rate < 0.0995 else f"{rate:.0%}"


def lag(summary: LagSummary) -> str:
    """Return half of the lags and nearly all of them: `0.4s/3s` says that 95 of a hundred took 3 s at most."""
    return f"{short(summary.p50)}/{short(summary.p95)}" if summary.count else NOTHING


def short(seconds: float | None) -> str:
    """Return a length of time in at most five characters."""
    if seconds is None:
        return NOTHING
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"


def length(seconds: float | None) -> str:
    """Return a length of time as people say it."""
    if seconds is None:
        return NOTHING
    return f"{seconds:.1f} s" if seconds < 9.95 else span(timedelta(seconds=seconds))


def stamp(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 step`, `2 steps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
