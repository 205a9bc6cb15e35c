"""NCRONTAB, the schedule language of the timer trigger: a moment matches when all six fields do.

Six fields (second minute hour day month weekday) or five (second 0), apart by spaces only. A field is a list of
`*`, `a`, `a-b` (either way round), `*/n`, `a/n` (from a to the field's end) and `a-b/n`; months and weekdays also go
by any beginning of their English names. Sunday is 0 and there is no 7; day AND weekday must match; Quartz's `?`, `L`,
`W` and `#` do not exist.

The facts are those of https://github.com/atifaziz/NCrontab, which the Functions host uses by way of
https://github.com/Azure/azure-webjobs-sdk-extensions (Timers/Scheduling/CronSchedule.cs).
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_STEP = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_QUARTZ = re.compile(r"\?|l|l?w|\d{1,2}[lw]|\w+#\d", re.ASCII | re.IGNORECASE)
# The calendar repeats after 400 years: a whole number of weeks, so weekdays repeat as well.
_CALENDAR_CYCLE = 400


class NcrontabError(ValueError):
    """The text is not an NCRONTAB expression."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of an expression: its name, its range, and the names its values go by, from the lowest on."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Ncrontab:
    """A parsed expression: the values that each field allows, ascending. Weekdays count from Sunday = 0."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def parse(cls, expression: str) -> Ncrontab:
        """Return the schedule of an expression; raises NcrontabError with the field and the reason."""
        texts = [text for text in expression.split(" ") if text]
        if len(texts) == 5:
            texts.insert(0, "0")
        if len(texts) != 6:
            raise NcrontabError(
                f"{expression!r} has {len(texts)} fields; a schedule has six (second minute hour day month weekday) "
                "or five (without the second)."
            )
        return cls(*(_values(field, text) for field, text in zip(_FIELDS, texts, strict=True)))

    @property
    def within_every_minute(self) -> bool:
        """Tell whether the schedule is due more than once in each and every minute."""
        every_minute = all(
            len(values) == field.highest - field.lowest + 1
            for field, values in zip(_FIELDS[1:], self._by_field()[1:], strict=True)
        )
        return every_minute and len(self.seconds) > 1

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first whole second after `moment` (aware, UTC) that matches, or None when none ever does."""
        try:
            start = moment.replace(microsecond=0) + timedelta(seconds=1)
        except OverflowError:
            return None
        today = start.date()
        if self._matches(today) and (at := self._time_from(start.time())):
            return datetime.combine(today, at, UTC)
        following = next(self._days_after(today), None)
        first = time(self.hours[0], self.minutes[0], self.seconds[0])
        return datetime.combine(following, first, UTC) if following else None

    def _by_field(self) -> tuple[tuple[int, ...], ...]:
        return (self.seconds, self.minutes, self.hours, self.days, self.months, self.weekdays)

    def _matches(self, day: date) -> bool:
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays

    def _days_after(self, today: date) -> Iterator[date]:
        for year in range(today.year, min(today.year + _CALENDAR_CYCLE, MAXYEAR) + 1):
            for month in self.months:
                length = calendar.monthrange(year, month)[1]
                for number in self.days:
                    day = date(year, month, number) if number <= length else today
                    if day > today and self._matches(day):
                        yield day

    def _time_from(self, earliest: time) -> time | None:
        for hour in self.hours[bisect_left(self.hours, earliest.hour) :]:
            if hour > earliest.hour:
                return time(hour, self.minutes[0], self.seconds[0])
            for minute in self.minutes[bisect_left(self.minutes, earliest.minute) :]:
                if minute > earliest.minute:
                    return time(hour, minute, self.seconds[0])
                for second in self.seconds[bisect_left(self.seconds, earliest.second) :]:
                    return time(hour, minute, second)
        return None


def _values(field: _Field, text: str) -> tuple[int, ...]:
    return tuple(sorted({value for part in text.split(",") for value in _part(field, part)}))


def _part(field: _Field, text: str) -> range:
    body, stepped, step_text = text.partition("/")
    step = _step(field, step_text) if stepped else 1
    first_text, ranged, last_text = body.partition("-")
    if body == "*":
        first, last = field.lowest, field.highest
    elif ranged:
        first, last = sorted((_value(field, first_text), _value(field, last_text)))
    else:
        first = _value(field, body)
        last = field.highest if stepped else first
    return range(first, last + 1, step)


def _step(field: _Field, text: str) -> int:
    if not _STEP.fullmatch(text):
        raise NcrontabError(f"{text!r} is no step of the {field.name} field; a step is a number, such as */5.")
    return max(1, int(text))  # NCrontab takes a step of nought or less for 1


def _value(field: _Field, text: str) -> int:
    if _NUMBER.fullmatch(text):
        return _in_range(field, int(text))
    for value, name in enumerate(field.names, start=field.lowest):
        if text and name.startswith(text.lower()):
            return value
    raise NcrontabError(f"{text!r} is not allowed in the {field.name} field. {_hint(field, text)}")


def _in_range(field: _Field, value: int) -> int:
    if field.lowest <= value <= field.highest:
        return value
    hint = " Sunday is 0." if field.name == "weekday" and value == 7 else ""
    raise NcrontabError(f"{value} is outside the {field.name} field: {field.lowest} to {field.highest}.{hint}")


def _hint(field: _Field, text: str) -> str:
    if _QUARTZ.fullmatch(text):
        return "?, L, W and # belong to Quartz, the language of Databricks schedules; a timer trigger takes *."
    names = f" or the beginning of {field.names[0]}, {field.names[1]}, …" if field.names else ""
    return f"It takes numbers from {field.lowest} to {field.highest}{names}."
