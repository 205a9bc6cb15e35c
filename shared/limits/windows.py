"""The arithmetic of limits. Pure.

A permit is given out at one moment and used within its life. It counts for the length of the limit *and* its life, so
that whatever a window holds was given out while all of it counted: in any window of the limit's length, wherever it
begins, at most so many permits are used. The price is that a backlog drains a little more slowly than the limit says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.ledger import Budget, Grant
from shared.rules import Limit

# A longer life means fewer calls, and a larger share of the limit that nobody can use; a request needs some seconds.
SHORTEST_LIFE, LONGEST_LIFE = timedelta(seconds=10), timedelta(minutes=2)
LIFE_SHARE = 30
# An instance takes permits in blocks, of which one may be lost when it dies.
BLOCKS = 20
# Moments of giving out are told apart only so finely, so that the row of a budget stays within a few kilobytes.
MOST_GRANTS = 240
# Marker keys hold times of 13 digits; whoever waits longer than this is given another place meanwhile.
LONGEST_WAIT = timedelta(days=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def life(limit: Limit) -> timedelta:
    """Return how long a permit can be used after it was given out."""
    return min(max(limit.per.length / LIFE_SHARE, SHORTEST_LIFE), LONGEST_LIFE)


def counted_for(limit: Limit) -> timedelta:
    """Return how long a permit counts after it was given out."""
    return limit.per.length + life(limit)


def largest_block(limit: Limit) -> int:
    """Return how many permits are given out at once at most."""
    return max(1, limit.runs // BLOCKS)


def free(budget: Budget, limit: Limit, now: datetime) -> int:
    """Return how many permits may be given out now."""
    return max(0, limit.runs - sum(grant.permits for grant in _counting(budget, limit, now)))


def free_again_at(budget: Budget, limit: Limit, now: datetime) -> datetime:
    """Return when a permit may be given out, unless some come back unused before."""
    counting = _counting(budget, limit, now)
    left = sum(grant.permits for grant in counting)
    for grant in counting:
        if left < limit.runs:
            break
        left -= grant.permits
        now = grant.at + counted_for(limit)
    return now


def granted(budget: Budget, limit: Limit, now: datetime, permits: int) -> Budget:
    """Return the budget after so many permits were given out; forgets what counts no more."""
    grants = list(_counting(budget, limit, now))
    at = moment_of(limit, now)
    if grants and grants[-1].at >= at:
        grants[-1] = Grant(grants[-1].at, grants[-1].permits + permits)
    else:
        grants.append(Grant(at, permits))
    return replace(budget, grants=tuple(grants))


def moment_of(limit: Limit, now: datetime) -> datetime:
    """Return the moment that a grant of now is written down with: the next of the moments that are told apart."""
    apart = max(counted_for(limit) / MOST_GRANTS, _MILLISECOND)
    steps = -((_EPOCH - now) // apart)
    exact = _EPOCH + steps * apart
    return _EPOCH + -((_EPOCH - exact) // _MILLISECOND) * _MILLISECOND


def returned(budget: Budget, unused: Mapping[datetime, int]) -> Budget:
    """Return the budget after permits of some moments came back; none of them can be used any more."""
    grants = [Grant(grant.at, max(0, grant.permits - unused.get(grant.at, 0))) for grant in budget.grants]
    return replace(budget, grants=tuple(grant for grant in grants if grant.permits))


def step(limit: Limit) -> timedelta:
    """Return how long it takes, in a long backlog, from one run to the next."""
    return counted_for(limit) / limit.runs


def queued(budget: Budget, limit: Limit, now: datetime, places: int) -> tuple[Budget, datetime]:
    """Return the budget with so many more places in the line, and when the first of them is due."""
    start = max(budget.queue_end or now, free_again_at(budget, limit, now))
    start = min(start, now + LONGEST_WAIT)
    return replace(budget, queue_end=min(start + places * step(limit), now + LONGEST_WAIT)), start


def _counting(budget: Budget, limit: Limit, now: datetime) -> tuple[Grant, ...]:
    return tuple(grant for grant in budget.grants if grant.at + counted_for(limit) > now)
