"""The arithmetic of limits, for any moments at which permits are given out, used and returned."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import Budget
from shared.limits.windows import (
    LONGEST_WAIT,
    MOST_GRANTS,
    counted_for,
    free,
    free_again_at,
    granted,
    life,
    moment_of,
    queued,
    returned,
    step,
)
from shared.rules import Limit, Per
from tests.fakes.manual_clock import START

LIMITS = st.builds(Limit, st.integers(1, 60), st.sampled_from([*Per]))
# Of a limit's length: how long until the next demand, when in its life each permit is used, and how many come back.
DEMANDS = st.lists(
    st.tuples(st.floats(0, 0.4), st.integers(1, 30), st.floats(0, 1), st.integers(0, 30)), min_size=1, max_size=60
)


def most_in(length: timedelta, times: list[datetime]) -> int:
    """Return how many of the times the fullest window of a length holds, wherever it begins."""
    return max((sum(start <= time < start + length for time in times) for start in times), default=0)


@given(limit=LIMITS, demands=DEMANDS)
def test_no_window_holds_more_uses_than_the_limit(limit: Limit, demands: list[tuple[float, int, float, int]]) -> None:
    """Whenever permits are used in their lives, and however many come back unused when these are over."""
    budget, now = Budget(scope="s"), START
    uses: list[datetime] = []
    for wait, wanted, moment, spare in demands:
        now += wait * limit.per.length
        permits = min(wanted, free(budget, limit, now))
        if not permits:
            continue
        budget = granted(budget, limit, now, permits)
        unused = min(spare, permits)
        uses += [now + moment * life(limit)] * (permits - unused)
        budget = returned(budget, {budget.grants[-1].at: unused})

    assert most_in(limit.per.length, uses) <= limit.runs
    assert len(budget.grants) <= MOST_GRANTS + 2


@given(limit=LIMITS, demands=DEMANDS)
def test_permits_are_free_again_when_it_says(limit: Limit, demands: list[tuple[float, int, float, int]]) -> None:
    """Not a moment earlier, and one at least then; never later than everything counts."""
    budget, now = Budget(scope="s"), START
    for wait, wanted, _, _ in demands:
        now += wait * limit.per.length
        if permits := min(wanted, free(budget, limit, now)):
            budget = granted(budget, limit, now, permits)
    at = free_again_at(budget, limit, now)

    assert free(budget, limit, at) > 0
    assert at == now or free(budget, limit, at - timedelta(milliseconds=1)) == 0
    assert at <= now + counted_for(limit) * (1 + 1 / MOST_GRANTS) + timedelta(milliseconds=1)


@given(limit=LIMITS, seconds=st.floats(0, 1e6))
def test_moment_of_a_grant_is_never_before_it(limit: Limit, seconds: float) -> None:
    """What counts from a little later counts at least as long as it has to."""
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

    late = moment_of(limit, now) - now

    assert timedelta(0) <= late <= counted_for(limit) / MOST_GRANTS + timedelta(milliseconds=2)


@given(limit=LIMITS, counts=st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_places_are_apart_and_in_order(limit: Limit, counts: list[int]) -> None:
    """Nobody gets another's place, those who come later are due later, and nobody waits for ever."""
    budget = granted(Budget(scope="s"), limit, START, limit.runs)
    due: list[datetime] = []
    for count in counts:
        budget, first = queued(budget, limit, START, count)
        due += [min(first + number * step(limit), START + LONGEST_WAIT) for number in range(count)]

    assert due == sorted(due)
    assert due[0] == free_again_at(budget, limit, START)
    assert due[-1] <= START + LONGEST_WAIT
    assert max(Counter(at for at in due if at < START + LONGEST_WAIT).values(), default=1) == 1
