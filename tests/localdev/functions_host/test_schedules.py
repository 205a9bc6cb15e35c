"""Schedules of timer triggers: NCRONTAB expressions and constant periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from localdev.functions_host.schedules import NEVER, parse_schedule

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_expression_is_due_at_its_times() -> None:
    """An NCRONTAB expression is due at the times it names."""
    assert parse_schedule("0 30 9 * * *").next_after(NOON) == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_period_counts_from_the_last_run() -> None:
    """A constant period is due one period after the last run."""
    assert parse_schedule("00:07:00").next_after(NOON) == NOON + timedelta(minutes=7)


def test_impossible_schedule_is_never_due() -> None:
    """A schedule for a date that no year has is due never."""
    assert parse_schedule("0 0 0 30 2 *").next_after(NOON) == NEVER


def test_period_beyond_the_calendar_is_never_due() -> None:
    """A period that ends after the calendar does is due never."""
    assert parse_schedule("9000000.00:00:00").next_after(NOON) == NEVER


@pytest.mark.parametrize(
    ("text", "monitored"),
    [("*/10 * * * * *", False), ("0 * * * * *", True), ("00:00:30", False), ("00:01:00", True)],
)
def test_only_a_minute_or_more_is_monitored(text: str, monitored: bool) -> None:  # noqa: FBT001 - a parameter
    """What is due more than once a minute is not monitored."""
    assert parse_schedule(text).may_be_monitored is monitored


def test_says_whether_it_follows_daylight_saving() -> None:
    """The function is told AdjustForDST true for an expression and false for a period, as the host tells it."""
    assert parse_schedule("0 * * * * *").adjusts_for_daylight_saving
    assert not parse_schedule("00:05:00").adjusts_for_daylight_saving


@pytest.mark.parametrize("text", ["", "soon", "00:00:00", "-00:05:00", "0 * * * *x *", "99:99:99"])
def test_refuses_what_is_no_schedule(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"field|schedule|period"):
        parse_schedule(text)
