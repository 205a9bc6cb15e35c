"""Lengths of time as people write them: `90s`, `5m`, `48h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Six digits of days stay far below what timedelta can hold.
_DURATION = re.compile(r"([0-9]{1,6})\s*([smhd])")


def parse_duration(text: str) -> timedelta:
    """Return the length of time; raises ValueError with a sentence that says what to write."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError("it must be a number and a unit, such as 90s, 5m, 48h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def written_duration(length: timedelta) -> str:
    """Return a length of time as people write it, in the largest unit that leaves no rest."""
    seconds = round(length.total_seconds())
    units = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
    return next(f"{seconds // size}{letter}" for size, letter in units if seconds % size == 0)
