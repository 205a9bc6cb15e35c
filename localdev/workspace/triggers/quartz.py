"""Quartz cron expressions: when they fire, exactly as Quartz 2.3.2 means it.

A library does not do here: croniter, APScheduler and cronsim read Unix cron or dialects of their own, in which
weekdays count from 0, a day of the month and one of the week may both be given, and some of `L`, `W` and `#` are
missing or mean something else; a job that one of them takes, Databricks may refuse, or run on another day.

Time zones, as Quartz has them from java.util.GregorianCalendar: the fields are compared with the wall clock. A time
that a change of clocks leaves out does not fire, and one that it repeats fires once, the second time. So daily
02:00 in Paris has no run on the last Sunday of March, and no hourly job has a run in the first of two hours in October.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from localdev.workspace.triggers.quartz_days import days_of
from localdev.workspace.triggers.quartz_fields import Field, read_field
from localdev.workspace.triggers.quartz_units import (
    DAYS_OF_MONTH,
    DAYS_OF_WEEK,
    EVERY_YEAR,
    UNITS,
    YEARS,
    QuartzError,
)

__all__ = ["Quartz", "QuartzError", "parse"]

YEARS_AHEAD = 100
_BOTH_DAYS = "Support for specifying both a day-of-week AND a day-of-month parameter is not implemented."
_NEITHER_DAY = "'?' can only be specified for Day-of-Month -OR- Day-of-Week."


@dataclass(frozen=True, kw_only=True, slots=True)
class Quartz:
    """An expression that Quartz takes."""

    expression: str
    fields: tuple[Field, ...]  # in the order of UNITS, always seven

    def next_after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """Return the first time after a moment, in whole seconds, or None when there is none within 100 years.

        Takes and gives aware datetimes, and gives UTC; `zone` is where the expression's clock hangs.
        """
        second = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        start = second.astimezone(zone).replace(tzinfo=None)
        while (wall := self._first_from(start)) is not None:
            instant = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
            if instant.astimezone(zone).replace(tzinfo=None) == wall:
                return instant
            # Left out by a change of clocks: Java's calendar lands as far behind the gap as this is inside it.
            start = wall.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        return None

    def _first_from(self, wall: datetime) -> datetime | None:
        """Return the first matching time of a wall clock from one on, that one included."""
        at_first = self._time_from(wall.time())
        if at_first is not None and wall.day in self._days(wall.year, wall.month):
            return datetime.combine(wall.date(), at_first)
        midnight = self._time_from(time())
        day = next(self._days_after(wall.date()), None)
        return None if day is None or midnight is None else datetime.combine(day, midnight)

    def _days(self, year: int, month: int) -> list[int]:
        if year not in self.fields[6].values or month not in self.fields[4].values:
            return []
        return days_of(self.fields[3], self.fields[5], year, month)

    def _days_after(self, day: date) -> Iterator[date]:
        for year in range(day.year, min(day.year + YEARS_AHEAD, YEARS.most) + 1):
            for month in range(day.month if year == day.year else 1, 13):
                for number in self._days(year, month):
                    if (found := date(year, month, number)) > day:
                        yield found

    def _time_from(self, start: time) -> time | None:
        seconds, minutes, hours = (sorted(field.values) for field in self.fields[:3])
        for hour in hours:
            if hour < start.hour:
                continue
            for minute in minutes:
                if (hour, minute) < (start.hour, start.minute):
                    continue
                for second in seconds:
                    if (found := time(hour, minute, second)) >= start:
                        return found
        return None


def parse(expression: str) -> Quartz:
    """Return what an expression means; raises QuartzError with Quartz's own words. Case does not matter.

    It has six or seven fields; as in Quartz, what comes after the seventh is not read.
    """
    texts = [(found.group().upper(), found.start()) for found in re.finditer(r"[^ \t]+", expression)][: len(UNITS)]
    fields: list[Field] = []
    for (text, position), unit in zip(texts, UNITS, strict=False):
        field = read_field(text, unit, position)
        if unit is DAYS_OF_WEEK and field.is_open and fields[3].is_open:
            raise QuartzError(_NEITHER_DAY, position)
        fields.append(field)
    if len(fields) < len(UNITS) - 1:
        raise QuartzError("Unexpected end of expression.", len(expression))
    if len(fields) < len(UNITS):
        fields.append(read_field(EVERY_YEAR, YEARS, len(expression)))
    _check_together(fields, [position for _, position in texts])
    return Quartz(expression=expression, fields=tuple(fields))


def _check_together(fields: list[Field], positions: list[int]) -> None:
    if fields[3].is_open == fields[5].is_open:
        raise QuartzError(_BOTH_DAYS, positions[5])
    for field, unit, position in zip(fields, UNITS, [*positions, 0], strict=False):
        by_other_means = field.is_open or (unit is DAYS_OF_MONTH and field.days_before_last is not None)
        if not field.values and not by_other_means:
            raise QuartzError(f"Illegal cron expression format (the {unit.name} field names no value)", position)
