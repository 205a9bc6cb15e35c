"""Durations as host.json and timer schedules write them: the text form of a .NET TimeSpan."""

from __future__ import annotations

import re
from datetime import timedelta

_DAYS = re.compile(r"(-?)(\d+)", re.ASCII)
_CLOCK = re.compile(r"(-?)(?:(\d+)[.:])??(\d+):(\d+)(?::(\d+)(?:\.(\d{1,7}))?)?", re.ASCII)


def parse_time_span(text: str) -> timedelta:
    """Return the duration of `[-][d.]hh:mm[:ss[.fffffff]]` or of a whole number of days; raises ValueError.

    Three parts of which the first is 24 or more are days, hours and minutes:
    https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#timespan
    """
    stripped = text.strip()
    if days := _DAYS.fullmatch(stripped):
        return _signed(days[1], _bounded(text, days=int(days[2])))
    found = _CLOCK.fullmatch(stripped)
    if not found:
        raise ValueError(f"{text!r} is not a duration such as 00:05:00 or 1.12:00:00.")
    sign, day, hour, minute, second, fraction = found.groups()
    if day is None and second is not None and fraction is None and int(hour) >= 24:
        day, hour, minute, second = hour, minute, second, None
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{text!r} is not a duration: hours go to 23, minutes and seconds to 59.")
    ticks = int((fraction or "").ljust(7, "0"))  # of 100 ns
    span = _bounded(text, days=int(day or 0), hours=hours, minutes=minutes, seconds=seconds, microseconds=ticks // 10)
    return _signed(sign, span)


def _bounded(text: str, **parts: int) -> timedelta:
    try:
        return timedelta(**parts)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration can be.") from None


def _signed(sign: str, span: timedelta) -> timedelta:
    return -span if sign else span
