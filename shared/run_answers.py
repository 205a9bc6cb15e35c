"""Run answers: what an answer of run-now that is no run means for its entry (rule R5). Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.errors import JobMissing, JobsBusy, JobsError, JobsRefused, JobsUnauthorised
from shared.holds import RUNS_REPLACED
from shared.model import Entry, State

# A request that Databricks refuses for what it says is tried three times in all, in case the refusal was a slip.
MOST_REFUSALS = 3
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(minutes=15)


def unstarted(
    entry: Entry, error: JobsError, now: datetime, *, delay: Callable[[int], timedelta], lease: timedelta
) -> dict[str, object]:
    """Return what changes of an entry whose request had this answer.

    `delay` gives how long to wait after so many failed attempts. What trips the rule's breaker is due when that ends:
    that is for the caller to say.
    """
    changes: dict[str, object] = {
        "attempts": entry.attempts + 1,
        "reason": "; ".join(filter(None, (remark(entry), error.message)))[:500],
        "due_at": now + delay(entry.attempts),
    }
    match error:
        case JobsRefused():
            changes |= {"refusals": entry.refusals + 1, "state": State.PENDING}
            if entry.refusals + 1 >= MOST_REFUSALS:
                changes |= {"state": State.DEAD, "due_at": None, "settled_at": now}
        case JobsUnauthorised() | JobMissing():
            changes |= {"state": State.PENDING}
        case JobsBusy(retry_after=retry_after):
            wait = max(timedelta(seconds=retry_after), delay(entry.attempts))
            changes |= {"state": State.PENDING, "due_at": now + wait}
        case _:
            # The outcome is unknown: it stays DISPATCHING, and nobody re-sends before the lease is over.
            changes["due_at"] = now + max(lease, delay(entry.attempts))
    return changes


def delay(attempts: int, randomness: random.Random) -> timedelta:
    """Return how long to wait after so many failed attempts: full jitter, so that a storm spreads out."""
    longest: timedelta = min(FIRST_DELAY * 2 ** min(attempts, 10), LONGEST_DELAY)
    return longest * (0.5 + randomness.random() / 2)


def remark(entry: Entry) -> str:
    """Return what must be told of an entry for as long as there is nothing else to tell."""
    return RUNS_REPLACED if entry.reason.startswith(RUNS_REPLACED) else ""
