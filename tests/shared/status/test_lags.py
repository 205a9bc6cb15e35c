"""Lags: exact percentiles, by a definition that can be checked by counting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.lags import Lags, percentile

SECONDS = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(st.lists(SECONDS, min_size=1), st.integers(1, 100))
def test_percentile_is_the_least_that_enough_do_not_exceed(values: list[float], percent: int) -> None:
    """The answer agrees with counting, for each value, how many of them it is not exceeded by."""
    expected = min(value for value in values if 100 * sum(other <= value for other in values) >= percent * len(values))

    assert percentile(sorted(values), percent) == expected


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 50, 1), (2, 50, 1), (3, 50, 2), (4, 50, 2), (20, 95, 19), (100, 95, 95), (101, 95, 96), (7, 100, 7)],
)
def test_percentile_is_a_value_that_was_measured(count: int, percent: int, expected: float) -> None:
    """Nothing is interpolated: of one to `count` seconds the answer is the one of that rank."""
    assert percentile([float(second) for second in range(1, count + 1)], percent) == expected


def test_nothing_measured_has_no_percentiles() -> None:
    """No lag is not a lag of zero."""
    assert Lags().summary().as_json() == {"count": 0, "p50": None, "p95": None, "max": None}


def test_negative_lag_counts_as_none() -> None:
    """A claim cannot be before its file: two clocks disagree, and that must not look like speed."""
    lags = Lags()
    lags.add(-3.0)
    lags.add(2.0)

    assert lags.summary().as_json() == {"count": 2, "p50": 0.0, "p95": 2.0, "max": 2.0}


@given(st.lists(st.lists(SECONDS)))
def test_lags_of_several_rules_are_those_of_one(groups: list[list[float]]) -> None:
    """Percentiles of all rules together are taken over all lags, not over the rules' percentiles."""
    together, apart = Lags(), Lags()
    for group in groups:
        part = Lags()
        for seconds in group:
            part.add(seconds)
            together.add(seconds)
        apart.absorb(part)

    assert apart.summary() == together.summary()
