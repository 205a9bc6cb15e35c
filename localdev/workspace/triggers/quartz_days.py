"""Which days of a month a Quartz expression means."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from localdev.workspace.triggers.quartz_fields import Field

_SATURDAY, _SUNDAY = 7, 1


def days_of(of_month: Field, of_week: Field, year: int, month: int) -> list[int]:
    """Return the days of a month, in order; one of the two fields is open."""
    length = monthrange(year, month)[1]
    days = _by_weekday(of_week, year, month, length) if of_month.is_open else _by_day(of_month, year, month, length)
    return [day for day in days if 1 <= day <= length]


def _by_day(field: Field, year: int, month: int, length: int) -> list[int]:
    if field.days_before_last is None and not field.nearest_weekday:
        return sorted(field.values)
    day = field.first if field.days_before_last is None else length - field.days_before_last
    if day < 1:
        return []
    return [_nearest_weekday(day, year, month, length) if field.nearest_weekday else day]


def _nearest_weekday(day: int, year: int, month: int, length: int) -> int:
    """Return the working day nearest to a day without leaving the month.

    For a day that the month lacks (`31W` in June) Quartz counts on into the next month, and so do we: if that is a
    Saturday, the Friday before it may well be this month's last day.
    """
    weekday = _weekday(date(year, month, 1) + timedelta(days=day - 1))
    if weekday == _SATURDAY:
        return day + 2 if day == 1 else day - 1
    if weekday == _SUNDAY:
        return day - 2 if day == length else day + 1
    return day


def _by_weekday(field: Field, year: int, month: int, length: int) -> list[int]:
    if not field.is_last and not field.nth:
        return [day for day in range(1, length + 1) if _weekday(date(year, month, day)) in field.values]
    days = [day for day in range(1, length + 1) if _weekday(date(year, month, day)) == field.first]
    if field.is_last:
        return days[-1:]
    return days[field.nth - 1 : field.nth]


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1
