"""Durations in the text form of a .NET TimeSpan."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.functions_host.time_span import parse_time_span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("00:10:00", timedelta(minutes=10), id="hours minutes seconds"),
        pytest.param("1.12:00:00", timedelta(days=1, hours=12), id="days"),
        pytest.param("00:00:00.1", timedelta(milliseconds=100), id="fraction"),
        pytest.param("00:00:00.1234567", timedelta(microseconds=123_456), id="seven digits"),
        pytest.param("02:30", timedelta(hours=2, minutes=30), id="hours minutes"),
        pytest.param("7", timedelta(days=7), id="days alone"),
        pytest.param("24:00:00", timedelta(days=24), id="24 or more first is days"),
        pytest.param("-00:00:05", timedelta(seconds=-5), id="negative"),
        pytest.param("3:04:05:06", timedelta(days=3, hours=4, minutes=5, seconds=6), id="four parts"),
        pytest.param(" 00:00:05 ", timedelta(seconds=5), id="blanks around"),
    ],
)
def test_reads_a_duration(text: str, expected: timedelta) -> None:
    """Each form that .NET accepts reads as the duration it means there."""
    assert parse_time_span(text) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "5s", "00:60:00", "00:00:60", "1.24:00:00", "1:2:3:4:5", "00:00:00.", "9999999999", "٣"]
)
def test_refuses_what_is_no_duration(text: str) -> None:
    """Anything else is refused with the text in the message."""
    with pytest.raises(ValueError, match=r"duration|longer") as refused:
        parse_time_span(text)

    assert repr(text) in str(refused.value)


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_reads_back_what_it_is_given(span: timedelta) -> None:
    """A duration written out in full reads as itself."""
    minutes, seconds = divmod(span.seconds, 60)
    text = f"{span.days}.{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{span.microseconds:06}"

    assert parse_time_span(text) == span
