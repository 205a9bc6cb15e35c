"""NCRONTAB: which texts are schedules, and when a schedule is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.functions_host.ncrontab import Ncrontab, NcrontabError

RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905 - reads better
WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()  # noqa: SIM905 - reads better


def at(text: str) -> datetime:
    """Return the moment a text says, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        pytest.param("0 * * * * *", "2026-11-22 12:00:00", "2026-11-22 12:01:00", id="the moment itself is past"),
        pytest.param("0 * * * * *", "2026-11-22 12:00:00.500", "2026-11-22 12:01:00", id="fractions are past"),
        pytest.param("* * * * * *", "2026-11-22 12:00:00.999", "2026-11-22 12:00:01", id="every second"),
        pytest.param("*/5 * * * *", "2026-11-22 12:00:00", "2026-11-22 12:05:00", id="five fields have second 0"),
        pytest.param("30 */20 8-10 * * *", "2026-11-22 10:40:30", "2026-11-23 08:00:30", id="to the next day"),
        pytest.param("0 0 6 * * 1", "2026-11-22 12:00:00", "2026-11-23 06:00:00", id="Monday is 1"),
        pytest.param("0 0 6 * * 0", "2026-11-22 05:00:00", "2026-11-22 06:00:00", id="Sunday is 0"),
        pytest.param("0 0 0 13 * fri", "2026-11-22 12:00:00", "2027-08-13 00:00:00", id="day and weekday must match"),
        pytest.param("0 0 0 31 * *", "2026-01-31 00:00:00", "2026-03-31 00:00:00", id="short months are passed over"),
        pytest.param("0 0 0 29 2 *", "2026-11-22 12:00:00", "2028-02-29 00:00:00", id="leap day"),
        pytest.param("0 0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00", id="2100 is no leap year"),
        pytest.param("0 0 0 1 1 *", "2026-12-31 23:59:59", "2027-01-01 00:00:00", id="to the next year"),
        pytest.param("0 0 22/1 * * *", "2026-11-22 22:00:00", "2026-11-22 23:00:00", id="from a value to the end"),
        pytest.param("0 0 0 1 dec-oct *", "2026-09-15 00:00:00", "2026-10-01 00:00:00", id="ranges may run backwards"),
        pytest.param("0 0 0 1 N *", "2026-11-22 00:00:00", "2027-11-01 00:00:00", id="names by any beginning"),
        pytest.param("5,10,15 59 23 31 12 *", "2026-12-31 23:59:10", "2026-12-31 23:59:15", id="lists"),
        pytest.param("0 */0 * * * *", "2026-11-22 12:00:00", "2026-11-22 12:01:00", id="a step of nought is 1"),
        pytest.param("  0   0  0 * * *  ", "2026-11-22 12:00:00", "2026-11-23 00:00:00", id="any number of spaces"),
    ],
)
def test_next_occurrence(expression: str, after: str, expected: str) -> None:
    """The next occurrence is the first whole second after the moment that all fields allow."""
    assert Ncrontab.parse(expression).next_after(at(after)) == at(expected)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        pytest.param("", "has 0 fields", id="empty"),
        pytest.param("* * * *", "has 4 fields", id="too few"),
        pytest.param("0 * * * * * *", "has 7 fields", id="too many"),
        pytest.param("0\t* * * * *", "not allowed in the minute field", id="only spaces separate"),
        pytest.param("60 * * * * *", "60 is outside the second field: 0 to 59", id="second 60"),
        pytest.param("0 0 24 * * *", "24 is outside the hour field: 0 to 23", id="hour 24"),
        pytest.param("0 0 0 0 * *", "0 is outside the day field: 1 to 31", id="day 0"),
        pytest.param("0 0 0 * * 7", "Sunday is 0", id="weekday 7"),
        pytest.param("0 0 2 * * ?", "Quartz", id="question mark"),
        pytest.param("0 0 2 L * *", "Quartz", id="last day"),
        pytest.param("0 0 2 * * 5#2", "Quartz", id="second Friday"),
        pytest.param("0 1-70 * * * *", "70 is outside the minute field", id="range end"),
        pytest.param("0 1- * * * *", "'' is not allowed in the minute field", id="open range"),
        pytest.param("0 1,,2 * * * *", "'' is not allowed in the minute field", id="empty list item"),
        pytest.param("0 */x * * * *", "'x' is no step of the minute field", id="step"),
        pytest.param("0 1_0 * * * *", "'1_0' is not allowed", id="Python's own number forms"),
        pytest.param("0 ٣ * * * *", "not allowed in the minute field", id="other digits"),
        pytest.param("0 0 0 * foo *", "january", id="unknown month"),
        pytest.param("0 mon * * * *", "numbers from 0 to 59", id="name in a number field"),
    ],
)
def test_refused_with_the_reason(expression: str, said: str) -> None:
    """A text that is no schedule is refused with its field and the reason."""
    with pytest.raises(NcrontabError, match=said):
        Ncrontab.parse(expression)


def test_impossible_date_never_comes() -> None:
    """A schedule for a date that no year has is never due, and that is found out at once."""
    assert Ncrontab.parse("0 0 0 31 2 *").next_after(at("2026-11-22 12:00:00")) is None


def test_nothing_comes_after_the_calendar() -> None:
    """At the end of the calendar there is no next occurrence."""
    assert Ncrontab.parse("* * * * * *").next_after(datetime.max.replace(tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/30 * * * * *", True),
        ("0,1 * * * * *", True),
        ("0 * * * * *", False),
        ("*/30 * 0-22 * * *", False),
        ("*/30 */2 * * * *", False),
        ("* * * * *", False),
    ],
)
def test_knows_what_is_due_within_every_minute(expression: str, expected: bool) -> None:  # noqa: FBT001 - a parameter
    """Only what is due more than once in each and every minute counts as sub-minute."""
    assert Ncrontab.parse(expression).within_every_minute is expected


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, tuple[set[int], ...]]:
    """Draw an expression together with the values that each of its fields allows."""
    texts, allowed = [], []
    for index, (lowest, highest) in enumerate(RANGES):
        items = [draw(_item(index, lowest, highest)) for _ in range(draw(st.integers(1, 3)))]
        texts.append(",".join(text for text, _ in items))
        allowed.append({value for _, values in items for value in values})
    return " ".join(texts), tuple(allowed)


def _item(index: int, lowest: int, highest: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    values = st.integers(lowest, highest)
    steps = st.integers(1, 40)
    names = {4: MONTHS, 5: WEEKDAYS}.get(index, [])
    every = steps.map(lambda step: (f"*/{step}", set(range(lowest, highest + 1, step))))
    one = values.map(lambda value: (str(value), {value}))
    start = st.tuples(values, steps).map(lambda two: (f"{two[0]}/{two[1]}", set(range(two[0], highest + 1, two[1]))))
    span = st.tuples(values, values, steps).map(
        lambda three: (
            f"{three[0]}-{three[1]}/{three[2]}",
            set(range(min(three[:2]), max(three[:2]) + 1, three[2])),
        )
    )
    named = values.map(lambda value: (names[value - lowest].upper(), {value})) if names else one
    return st.one_of(st.just(("*", set(range(lowest, highest + 1)))), every, one, start, span, named)


def _parts(moment: datetime) -> tuple[int, ...]:
    weekday = (moment.weekday() + 1) % 7
    return moment.second, moment.minute, moment.hour, moment.day, moment.month, weekday


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds are naive by hypothesis' rule


@given(fields(), MOMENTS)
def test_every_occurrence_matches_all_fields(drawn: tuple[str, tuple[set[int], ...]], moment: datetime) -> None:
    """An occurrence is later than the moment, a whole second, and allowed by each field."""
    expression, allowed = drawn

    following = Ncrontab.parse(expression).next_after(moment)

    if following is not None:
        assert following > moment
        assert following.microsecond == 0
        assert all(part in values for part, values in zip(_parts(following), allowed, strict=True))


@given(fields(), MOMENTS, st.integers(1, 3000))
def test_no_occurrence_is_passed_over(drawn: tuple[str, tuple[set[int], ...]], moment: datetime, seconds: int) -> None:
    """No second between the moment and the next occurrence is allowed by all fields."""
    expression, allowed = drawn
    later = (moment + timedelta(seconds=seconds)).replace(microsecond=0)

    following = Ncrontab.parse(expression).next_after(moment)

    if later > moment and all(part in values for part, values in zip(_parts(later), allowed, strict=True)):
        assert following is not None
        assert following <= later


@given(fields(), MOMENTS)
def test_no_day_before_the_occurrence_matches(drawn: tuple[str, tuple[set[int], ...]], moment: datetime) -> None:
    """No whole day between the moment's day and the occurrence's is allowed by day, month and weekday."""
    expression, (_, _, _, days, months, weekdays) = drawn

    following = Ncrontab.parse(expression).next_after(moment)

    day = moment.date() + timedelta(days=1)
    while following is not None and day < following.date():
        assert not (day.day in days and day.month in months and day.isoweekday() % 7 in weekdays)
        day += timedelta(days=1)


@given(st.text("0123456789*/,-? \tLWmonjaf", max_size=25))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    """No text makes the parser fail in any other way."""
    try:
        schedule = Ncrontab.parse(text)
    except NcrontabError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert schedule.seconds
