"""Times and spans of time in words."""

from __future__ import annotations

from datetime import datetime, timedelta


def span_words(span: timedelta | None) -> str:
    """Return a span as a reader takes it in: `340 ms`, `3.4 s`, `2 min 5 s`, `1 h 2 min`, `2 d 3 h`."""
    if span is None:
        return "—"
    seconds = max(0.0, span.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {smaller_name}" if rest else f"{whole // size} {name}"
    raise AssertionError("a minute is the smallest of the sizes")


def between(start: datetime | None, end: datetime | None) -> timedelta | None:
    """Return the time between two moments, None when one of them is still to come."""
    return None if start is None or end is None else end - start


def machine_time(moment: datetime) -> str:
    """Return a moment for `<time datetime>`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def moment_words(moment: datetime) -> str:
    """Return a moment for a reader, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
