from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.listing_plan import EVERYWHERE, UTC_ONLY, Window, Zones
from shared.listing_plan.dates import Calendar, DateChain
from shared.path_template.date_format import DateFormat
from tests.shared.listing_plan.dated_templates import FORMATS

NOON = datetime(2027, 2, 27, 12, tzinfo=UTC)
CHAINS = [DateChain((DateFormat.parse(text),)) for text in FORMATS if "%M" not in text] + [
    DateChain(("y=", DateFormat.parse("%Y"), "/m=", DateFormat.parse("%m"), "/", DateFormat.parse("%d")))
]
SIX_YEARS = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(6 * 366)]


def text_of(chain: DateChain, moment: datetime) -> str:
    """Return the text that a moment has."""
    return "".join(part if isinstance(part, str) else part.write(moment) for part in chain.parts)


@settings(max_examples=50)  # each goes through six years
@given(st.sampled_from(CHAINS), st.integers(-400, 400), st.integers(0, 120), st.integers(0, 23))
def test_merged_beginnings_hold_the_window_and_no_other_date(
    chain: DateChain, shift: int, days: int, hour: int
) -> None:
    """Of the dates of six years, the beginnings hold exactly those whose text a moment of the window has."""
    start = NOON + timedelta(days=shift)
    window = Window(start, start + timedelta(days=days, hours=hour), UTC_ONLY)
    cover = Calendar(window).cover(chain, len(chain.fields), is_merged=True)
    moments = [day.replace(hour=clock) for day in SIX_YEARS for clock in (0, 11, 12, 23)]

    texts = {text_of(chain, moment) for moment in [*window.hours(), window.end]}
    everything = {text_of(chain, moment) for moment in moments} | texts

    assert cover is not None
    assert {text for text in everything if text.startswith(cover.beginnings)} == texts
    assert cover.is_whole == (everything == texts and len(texts) > 1)


@given(st.sampled_from(CHAINS), st.datetimes(timezones=st.just(UTC)), st.data())
def test_beginnings_of_dates_are_known(chain: DateChain, moment: datetime, data: st.DataObject) -> None:
    """Whatever a date's text begins with is no impossible beginning; a text of which no date exists is."""
    text = text_of(chain, moment)
    length = data.draw(st.integers(chain.fields[0].start, len(text)))

    if "%y" not in str(chain.parts) or 1969 <= moment.year <= 2068:
        assert chain.has_text(text[:length])


@pytest.mark.parametrize(
    ("text", "beginning", "is_there"),
    [
        ("%Y-%m-%d", "2026-02-29", False),
        ("%Y-%m-%d", "2028-02-29", True),
        ("%Y-%m-%d", "2026-11-31", False),
        ("%Y-%m-%d", "2026-2", False),
        ("%d-%m-%Y", "31-04", False),
        ("%d-%m-%Y", "29-02-202", True),
        ("%d-%m-%Y", "29-02-2027", False),
        ("%m%d", "0229", True),
        ("%Y%j", "2026366", False),
        ("%Y%j", "2028366", True),
        ("%Y%j", "2028000", False),
        ("%Y%m%d%H", "2026112224", False),
        ("%H", "3", False),
        ("%Y", "0000", False),
        ("%y%m%d", "000229", True),
        ("%Y-%d", "2026-31", True),
    ],
)
def test_calendar_decides_what_can_be_a_date(text: str, beginning: str, *, is_there: bool) -> None:
    """Months have their days, leap years their 29 February, and nothing is taken for possible that is not."""
    assert DateChain((DateFormat.parse(text),)).has_text(beginning) is is_there


def test_windows_without_end_are_not_gone_through() -> None:
    """A window of a hundred years is no look-back: its dates are not written out."""
    window = Window(NOON - timedelta(days=36500), NOON)

    assert Calendar(window).cover(CHAINS[0], 3, is_merged=True) is None


def test_window_reaches_as_far_as_the_clocks_of_the_world() -> None:
    """The window is what clocks show: twelve hours behind its start to fourteen ahead of its end."""
    window = Window(NOON, NOON + timedelta(hours=1), EVERYWHERE)

    assert window.earliest == datetime(2027, 2, 27, 0, tzinfo=UTC)
    assert window.latest == datetime(2027, 2, 28, 3, tzinfo=UTC)
    assert [day.day for day in window.days()] == [27, 28]
    assert len(list(window.hours())) == 28


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_window_at_the_end_of_time_is_cut_there(moment: datetime) -> None:
    """A window at the first or the last moment that there is has its day, and no error."""
    assert moment.replace(hour=0, minute=0, second=0, microsecond=0) in list(Window(moment, moment).days())


def test_windows_that_make_no_sense_are_refused() -> None:
    """A window without a zone, one that ends before it starts and a negative offset are mistakes of the caller."""
    with pytest.raises(ValueError, match="must know their zone"):
        Window(NOON.replace(tzinfo=None), NOON)
    with pytest.raises(ValueError, match="end before"):
        Window(NOON, NOON - timedelta(seconds=1))
    with pytest.raises(ValueError, match="without a sign"):
        Zones(behind=timedelta(hours=-12), ahead=timedelta(hours=14))
