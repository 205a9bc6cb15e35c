"""The key figures of a job, and the bars of a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import outcomes
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Attempt, Outcome, Phase, Run
from localdev.workspace.pages.figures import CHART_HEIGHT, expected_duration, figures_of
from localdev.workspace.pages.timeline import stretch_of
from localdev.workspace.storage.run_history import PastRun
from tests.localdev.workspace.kit import START, settings_of

ENDS = (outcomes.SUCCEEDED, outcomes.FAILED, outcomes.CANCELLED, outcomes.skipped(1), None)


def past_run(number: int, outcome: Outcome | None, seconds: float = 1.0) -> PastRun:
    """Return a run that took so long."""
    return PastRun(
        id=number,
        job_id=1,
        name="",
        parent_id=None,
        phase=Phase.RUNNING if outcome is None else Phase.ENDED,
        created_at=START,
        admitted_at=START,
        ended_at=None if outcome is None else START + timedelta(seconds=seconds),
        outcome=outcome,
    )


@given(st.lists(st.tuples(st.sampled_from(ENDS), st.floats(0, 1e6)), max_size=50))
def test_figures_add_up(ends: list[tuple[Outcome | None, float]]) -> None:
    """Every run is a success, a failure, skipped or active; and bars stay inside their chart."""
    runs = [past_run(number, outcome, seconds) for number, (outcome, seconds) in enumerate(ends)]

    figures = figures_of(runs, {}, None)

    active = sum(1 for outcome, _ in ends if outcome is None)
    failures = sum(count for _, count in figures.failures)
    assert figures.succeeded + failures == figures.ended == len(figures.bars)
    assert figures.ended + figures.skipped + active == len(ends)
    assert all(0 <= bar.y <= bar.y + bar.height <= CHART_HEIGHT + 0.05 for bar in figures.bars)
    assert [bar.run.id for bar in figures.bars] == sorted((bar.run.id for bar in figures.bars), reverse=True)


@pytest.mark.parametrize(
    ("good", "bad", "rate"),
    [(0, 0, "—"), (0, 3, "0 %"), (3, 0, "100 %"), (999, 1, "99 %"), (1, 999, "1 %"), (2, 1, "67 %")],
)
def test_rate_is_never_rounded_to_all_or_nothing(good: int, bad: int, rate: str) -> None:
    """One failure among many is seen, and one success too."""
    runs = [past_run(n, outcomes.SUCCEEDED) for n in range(good)] + [past_run(n, outcomes.FAILED) for n in range(bad)]

    assert figures_of(runs, {}, None).rate == rate


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60}]}}, 60),
        ({"health": {"rules": [{"metric": "STREAMING_BACKLOG_BYTES", "value": 60}]}}, None),
        ({"health": {"rules": [None, {"metric": "RUN_DURATION_SECONDS", "value": "x"}]}}, None),
        ({"health": {"rules": 7}}, None),
        ({"health": []}, None),
        ({}, None),
    ],
)
def test_expected_duration_is_that_of_the_health_rule(settings: dict[str, Any], seconds: int | None) -> None:
    """https://docs.databricks.com/aws/en/jobs/notifications; the time-out holds where there is no rule."""
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert expected_duration(settings) == expected
    assert figures_of([], settings, timedelta(hours=1)).expected == (expected or timedelta(hours=1))


def a_run(**changes: Any) -> Run:
    """Return a run that started two minutes after it was asked for, and took 100 seconds."""
    settings = settings_of()
    admitted = START + timedelta(minutes=2)
    values: dict[str, Any] = {
        "admitted_at": admitted,
        "ended_at": admitted + timedelta(seconds=100),
        **changes,
    }
    return Run(
        id=1, job_id=1, settings=settings, request=RunRequest(job_id=1), phase=Phase.ENDED, created_at=START, **values
    )


def attempt(start: float | None, end: float | None) -> Attempt:
    """Return an attempt that ran from and to so many seconds after its run was admitted."""
    admitted = START + timedelta(minutes=2)
    return Attempt(
        id=2,
        task_key="main",
        number=0,
        first_id=2,
        phase=Phase.ENDED,
        started_at=None if start is None else admitted + timedelta(seconds=start),
        ended_at=None if end is None else admitted + timedelta(seconds=end),
    )


def test_bars_show_when_attempts_ran() -> None:
    """In per cent of the run's time without its time in the queue."""
    stretch = stretch_of(a_run(), attempt(25, 75), START)

    assert stretch is not None
    assert (stretch.start, stretch.width) == (25, 50)


def test_attempt_that_never_started_has_no_bar() -> None:
    """There is nothing to draw."""
    assert stretch_of(a_run(), attempt(None, 10), START) is None


@given(st.floats(-1e5, 1e5), st.none() | st.floats(-1e5, 1e5), st.booleans(), st.floats(-1e5, 1e5))
def test_bars_stay_inside(start: float, end: float | None, ended: bool, now: float) -> None:  # noqa: FBT001 - drawn
    """Whatever the clock did while the run ran."""
    run = a_run() if ended else a_run(ended_at=None)
    stretch = stretch_of(run, attempt(start, end), START + timedelta(seconds=now))

    assert stretch is not None
    assert 0 <= stretch.start <= stretch.start + stretch.width <= 100.01
    assert stretch.width > 0
