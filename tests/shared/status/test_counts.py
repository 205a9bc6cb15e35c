"""Counts: what one look at each row adds up to, held against counting everything the long way."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import Indexed, Marker
from shared.model import OPEN_STATES, Result, Source, State
from shared.status import WINDOWS, Counts
from tests.fakes.manual_clock import START as NOW

LENGTHS = st.sampled_from([timedelta(minutes=5), timedelta(hours=24), timedelta(days=7), timedelta(days=30)])
OUTCOMES = st.sampled_from(["open", State.DEAD.value, *(result.value for result in Result)])
# Often just at the edge of a window: there an entry counts, and a millisecond earlier it does not.
EDGES = st.sampled_from([timedelta(0), *WINDOWS.values()]).flatmap(
    lambda length: st.integers(-2, 2).map(lambda step: length + step * timedelta(milliseconds=1))
)
AGES = st.one_of(EDGES, st.integers(-60_000, 40 * 86_400_000).map(lambda age: timedelta(milliseconds=age)))


@st.composite
def rows(draw: st.DrawFn) -> Indexed:
    """Return an entry of the last forty days as its time index tells it."""
    committed_at = NOW - draw(AGES)
    lag = draw(st.one_of(st.none(), st.integers(-5_000, 9_000_000)))
    return indexed(
        committed_at,
        source=draw(st.sampled_from(Source)),
        outcome=draw(OUTCOMES),
        claimed_at=None if lag is None else committed_at + timedelta(milliseconds=lag),
    )


def indexed(
    committed_at: datetime,
    *,
    source: Source = Source.EVENT,
    outcome: str = "succeeded",
    claimed_at: datetime | None = None,
) -> Indexed:
    """Return a row of the time index."""
    return Indexed(
        partition="crm|0",
        key="k",
        committed_at=committed_at,
        source=source,
        outcome=outcome,
        claimed_at=claimed_at,
    )


def counted(found: list[Indexed], window: timedelta) -> Counts:
    """Return what the rows add up to."""
    counts = Counts(NOW, NOW - window)
    for row in found:
        counts.add(row)
    return counts


def is_arrival(row: Indexed) -> bool:
    """Tell, by its definition in docs/operations.md, whether a row says something of how events arrive."""
    return row.source not in {"backfill", "gather"} and row.outcome not in {"touched", "superseded"}


@given(st.lists(rows()), LENGTHS)
def test_missed_rates_are_what_counting_gives(found: list[Indexed], window: timedelta) -> None:
    """Missed over arrived, in each of the windows, whatever window the other counts are of."""
    answer = counted(found, window).as_json()

    for name, length in WINDOWS.items():
        arrived = [row for row in found if is_arrival(row) and row.committed_at >= NOW - length]
        missed = [row for row in arrived if row.source is Source.SWEEP]
        rate = len(missed) / len(arrived) if arrived else None
        assert answer["missed_events"][name] == {"missed": len(missed), "arrivals": len(arrived), "rate": rate}


@given(st.lists(rows()), LENGTHS)
def test_counts_of_the_window_are_what_counting_gives(found: list[Indexed], window: timedelta) -> None:
    """Results, missed, backfilled and lags are those of the rows that were committed in the window."""
    answer = counted(found, window).as_json()
    inside = [row for row in found if row.committed_at >= NOW - window]

    assert answer["results"] == {
        result.value: len([row for row in inside if row.outcome == result])
        for result in sorted(Result)
        if any(row.outcome == result for row in inside)
    }
    assert answer["states"]["dead"] == len([row for row in inside if row.outcome == "dead"])
    assert answer["states"]["settled"] == len([row for row in inside if row.outcome not in {"open", "dead"}])
    assert answer["missed"] == len([row for row in inside if is_arrival(row) and row.source == "sweep"])
    assert answer["backfilled"] == len([row for row in inside if row.source == "backfill"])
    for source in (Source.EVENT, Source.SWEEP):
        lags = [
            max(0.0, (row.claimed_at - row.committed_at).total_seconds())
            for row in inside
            if is_arrival(row) and row.source is source and row.claimed_at is not None
        ]
        assert answer["lag_seconds"][source.value]["count"] == len(lags)
        assert answer["lag_seconds"][source.value]["max"] == (max(lags) if lags else None)


@given(st.lists(st.lists(rows())), LENGTHS)
def test_totals_are_the_counts_of_all_rows_together(groups: list[list[Indexed]], window: timedelta) -> None:
    """Adding up rules gives what one rule with all their files would show."""
    totals = Counts(NOW, NOW - window)
    for group in groups:
        totals.absorb(counted(group, window))

    assert totals.as_json() == counted([row for group in groups for row in group], window).as_json()


@pytest.mark.parametrize("outcome", [Result.TOUCHED, Result.SUPERSEDED])
def test_what_no_event_announces_is_no_missed_event(outcome: Result) -> None:
    """A touch, and a version that a newer one had overtaken, make events look neither better nor worse."""
    counts = counted([indexed(NOW, source=Source.SWEEP, outcome=outcome)], timedelta(hours=1))

    assert counts.missed == 0
    assert counts.missed_events["1h"].rate is None
    assert counts.results[outcome] == 1


def test_open_entries_are_counted_by_their_markers() -> None:
    """Each open entry counts once, whenever it was claimed; the one that was claimed first is the oldest."""
    counts = Counts(NOW, NOW - timedelta(hours=1))
    claimed = [NOW - timedelta(days=days) for days in (3, 9, 1, 2)]
    for state, claimed_at in zip(sorted(OPEN_STATES), claimed, strict=True):
        counts.add_open(Marker(partition="crm|0", key="k", state=state, due_at=NOW, claimed_at=claimed_at))
        counts.add(indexed(claimed_at, outcome="open"))

    assert {state: counts.states[state] for state in OPEN_STATES} == dict.fromkeys(OPEN_STATES, 1)
    assert counts.states[State.SETTLED] == 0
    assert counts.oldest_open == NOW - timedelta(days=9)


def test_row_of_an_older_version_has_no_lag() -> None:
    """A row that does not say when it was claimed still counts as an arrival."""
    counts = counted([indexed(NOW)], timedelta(hours=1))

    assert counts.missed_events["1h"].arrivals == 1
    assert counts.lags[Source.EVENT].summary().count == 0
