"""The seven fields of a Quartz cron expression: what each may hold, and what is said of one that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LAST_YEAR = 2999  # Quartz looks no further
LARGEST_NUMBER = 2**31 - 1
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
SATURDAY = _DAYS["SAT"]


class QuartzError(ValueError):
    """An expression that Quartz does not take; `position` is where in it, from 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Unit:
    """One of the seven fields: what it may hold."""

    name: str
    least: int
    most: int
    bounds: str  # what Quartz says of a value outside them
    largest_step: int = LARGEST_NUMBER
    step_bound: int = 0  # as Quartz writes it, which is not always the largest step
    names: Mapping[str, int] | None = None
    names_called: str = ""


_SIXTY = "Minute and Second values must be between 0 and 59"
SECONDS = Unit("seconds", 0, 59, _SIXTY, 59, 60)
MINUTES = Unit("minutes", 0, 59, _SIXTY, 59, 60)
HOURS = Unit("hours", 0, 23, "Hour values must be between 0 and 23", 23, 24)
DAYS_OF_MONTH = Unit("day-of-month", 1, 31, "Day of month values must be between 1 and 31", 31, 31)
MONTHS = Unit("month", 1, 12, "Month values must be between 1 and 12", 12, 12, _MONTHS, "Month")
DAYS_OF_WEEK = Unit("day-of-week", 1, 7, "Day-of-Week values must be between 1 and 7", 7, 7, _DAYS, "Day-of-Week")
YEARS = Unit("year", 1970, LAST_YEAR, "Year values must be between 1970 and 2999")
UNITS = (SECONDS, MINUTES, HOURS, DAYS_OF_MONTH, MONTHS, DAYS_OF_WEEK, YEARS)
EVERY_YEAR = "*"
