"""Moments as people write them: a length of time ago (`2h`, `7d`), or a date with or without its time, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from shared.durations import parse_duration

# fromisoformat takes more than people expect of it: weeks, any separator, numbers without one.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_WANTED = "it must be a length of time ago such as 2h or 7d, or a moment such as 2026-11-22 or 2026-11-22T10:00Z"


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment that somebody named, as an aware UTC datetime; without a zone it is UTC.

    `2h` is two hours before `now`; a date alone is its midnight. Raises ValueError with what to write.
    """
    text = text.strip()
    found = _MOMENT.fullmatch(text)
    if not found:
        return _ago(text, now)
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if found["zone"] else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such date or time of day") from None


def _ago(text: str, now: datetime) -> datetime:
    try:
        length = parse_duration(text)
    except ValueError:
        raise ValueError(_WANTED) from None
    try:
        return now - length
    except OverflowError:
        raise ValueError("nothing happened that long ago") from None
