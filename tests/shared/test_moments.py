"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.moments import parse_moment

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        (" 7d ", datetime(2026, 11, 15, 12, 30, tzinfo=UTC)),
        ("0s", NOW),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T10:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 10:00:30", datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)),
        ("2026-11-20T10:00:00.5Z", datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-20T10:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, expected: datetime) -> None:
    """A length counts back from now, a date is its midnight, and what names no zone is UTC."""
    assert parse_moment(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a length of time ago"),
        ("yesterday", "a length of time ago"),
        ("-2h", "a length of time ago"),
        ("20261120", "a length of time ago"),
        ("2026-W47-5", "a length of time ago"),
        ("2026-11-20x10:00", "a length of time ago"),
        ("2026-02-30", "no such date"),
        ("2026-11-20T25:00", "no such date"),
        ("0001-01-01T00:00+14:00", "no such date"),
        ("999999d", "that long ago"),
    ],
)
def test_an_unreadable_moment_says_what_to_write(text: str, reason: str) -> None:
    """Whoever mistypes a moment learns the forms that there are."""
    with pytest.raises(ValueError, match=reason):
        parse_moment(text, NOW)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_that_we_write_is_read_back(moment: datetime) -> None:
    """What logs and JSON show can be typed as it stands."""
    assert parse_moment(moment.isoformat(), NOW) == moment


@given(st.text())
def test_no_text_fails_in_another_way(text: str) -> None:
    """Whatever is typed, the answer is a moment in UTC or a ValueError."""
    try:
        moment = parse_moment(text, NOW)
    except ValueError:
        moment = NOW

    assert moment.utcoffset() == timedelta()
