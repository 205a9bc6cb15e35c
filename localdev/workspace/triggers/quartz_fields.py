"""Reading the fields of a Quartz cron expression, and refusing what Quartz refuses, in its words.

How Quartz 2.3.2 reads them (http://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html, and
for the corners its class org.quartz.CronExpression, which the tests ask): whatever follows a whole item is ignored
(`5-7X` is `5-7`, and `MON-FRI/2` is `MON-FRI`), a step without a start begins at the field's least value, and a
range that ends before it starts goes round.

Refused here, though Quartz takes it by accident: 98 and 99 (it takes them for `?` and `*`), `0W`, weekdays before a `#`
that are none, and fields that name no value at all (`,`, or `L` for a month), with which it fails once it looks for the
next time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from localdev.workspace.triggers.quartz_units import (
    DAYS_OF_MONTH,
    DAYS_OF_WEEK,
    LARGEST_NUMBER,
    SATURDAY,
    YEARS,
    QuartzError,
    Unit,
)

_LAST_DAY = re.compile(r"L|LW|L-[0-9]*W?")
_NUMBER = re.compile(r"([0-9]+)(.*)", re.DOTALL)
_RANGE = re.compile(r"-([0-9]+)(?:/([0-9]*))?")
_STEP = re.compile(r"/([0-9]+)(.?)", re.DOTALL)
_SIGNED = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What a field, or an item of it, stands for."""

    values: frozenset[int] = frozenset()
    is_open: bool = False  # `?`: the other field of days decides
    days_before_last: int | None = None  # (day of month) `L` is 0, `L-3` is 3
    nearest_weekday: bool = False  # (day of month) `W`
    is_last: bool = False  # (day of week) `6L`: the month's last Friday
    nth: int = 0  # (day of week) `6#3`: the month's third Friday

    @property
    def first(self) -> int:
        """Return the least value: the one that `W`, `L` and `#` go by."""
        return min(self.values)

    def joined(self, other: Field) -> Field:
        """Return the field with another item in it."""
        return Field(
            values=self.values | other.values,
            is_open=self.is_open or other.is_open,
            days_before_last=other.days_before_last if self.days_before_last is None else self.days_before_last,
            nearest_weekday=self.nearest_weekday or other.nearest_weekday,
            is_last=self.is_last or other.is_last,
            nth=other.nth or self.nth,
        )


def read_field(text: str, unit: Unit, position: int) -> Field:
    """Return the field that `text`, in capitals, stands for; `position` is where it begins in the expression."""
    _check_as_a_whole(text, unit, position)
    field = Field()
    for item in re.finditer(r"[^,]+", text):
        try:
            field = field.joined(_item(item.group(), unit))
        except QuartzError as error:
            raise QuartzError(error.message, position + item.start()) from None
    return field


def _check_as_a_whole(text: str, unit: Unit, position: int) -> None:
    if unit is DAYS_OF_MONTH and "L" in text and "," in text:
        message = "Support for specifying 'L' and 'LW' with other days of the month is not implemented"
        raise QuartzError(message, position)
    if unit is DAYS_OF_WEEK and "L" in text and "," in text:
        raise QuartzError("Support for specifying 'L' with other days of the week is not implemented", position)
    if unit is DAYS_OF_WEEK and text.count("#") > 1:
        raise QuartzError('Support for specifying multiple "nth" days is not implemented.', position)


def _item(text: str, unit: Unit) -> Field:
    first = text[0]
    if "A" <= first <= "Z" and not _LAST_DAY.fullmatch(text):
        return _named(text, unit)
    if first == "?":
        return _open(text, unit)
    if first in "*/":
        return _everything(text, unit)
    if first == "L":
        return _last_day(text, unit)
    number = _NUMBER.match(text)
    if number is None:
        raise QuartzError(f"Unexpected character: {first}")
    return _numbered(_integer(number[1]), number[2], unit)


def _named(text: str, unit: Unit) -> Field:
    start = _name(text[:3], unit)
    mark, rest = text[3:4], text[4:]
    if mark == "-":
        return Field(values=_span(start, _name(rest[:3], unit), 1, unit))
    field = Field(values=frozenset({start}))
    if unit is DAYS_OF_WEEK and mark == "#":
        return replace(field, nth=_nth(rest))
    if unit is DAYS_OF_WEEK and mark == "L":
        return replace(field, is_last=True)
    return field


def _name(text: str, unit: Unit) -> int:
    if len(text) < 3:
        raise _illegal(f"{text!r} is too short for a name")
    if unit.names is None:
        raise QuartzError(f"Illegal characters for this position: '{text}'")
    if text not in unit.names:
        raise QuartzError(f"Invalid {unit.names_called} value: '{text}'")
    return unit.names[text]


def _open(text: str, unit: Unit) -> Field:
    if len(text) > 2:
        raise QuartzError(f"Illegal character after '?': {text[1]}")
    if unit not in (DAYS_OF_MONTH, DAYS_OF_WEEK):
        raise QuartzError("'?' can only be specified for Day-of-Month or Day-of-Week.")
    return Field(is_open=True)


def _everything(text: str, unit: Unit) -> Field:
    rest = text.removeprefix("*")
    if not rest.startswith("/"):
        return Field(values=_span(unit.least, unit.most, 1, unit))
    if rest == "/":
        raise QuartzError("'/' must be followed by an integer." if text == "/" else "Unexpected end of string.")
    step = _integer(rest[1:])
    _check_step(step, unit)
    return Field(values=_span(unit.least, unit.most, max(1, step), unit))


def _last_day(text: str, unit: Unit) -> Field:
    if unit is DAYS_OF_WEEK:
        return Field(values=frozenset({SATURDAY}))
    if unit is not DAYS_OF_MONTH:
        return Field()
    days = text[1:].rstrip("W")
    if text == "L-":
        raise _illegal("a number is missing after L-")
    before = _integer(f"0{days[1:]}") if days else 0
    if before > 30:
        raise QuartzError("Offset from last day must be <= 30")
    return Field(days_before_last=before, nearest_weekday=text.endswith("W"))


def _numbered(value: int, rest: str, unit: Unit) -> Field:
    mark = rest[:1]
    if mark == "L":
        return _last_weekday(value, unit)
    if mark == "W":
        return _nearest_weekday(value, unit)
    if mark == "#":
        if unit is not DAYS_OF_WEEK:
            raise QuartzError("'#' option is not valid here.")
        return Field(values=frozenset({_within(value, unit)}), nth=_nth(rest[1:]))
    if mark == "-":
        return _range(value, rest, unit)
    if mark == "/":
        return _from(value, rest, unit)
    return Field(values=frozenset({_within(value, unit)}))


def _last_weekday(value: int, unit: Unit) -> Field:
    if unit is not DAYS_OF_WEEK:
        raise QuartzError("'L' option is not valid here.")
    return Field(values=frozenset({_within(value, unit)}), is_last=True)


def _nearest_weekday(value: int, unit: Unit) -> Field:
    if unit is not DAYS_OF_MONTH:
        raise QuartzError("'W' option is not valid here.")
    if value > unit.most:
        raise QuartzError(
            "The 'W' option does not make sense with values larger than 31 (max number of days in a month)"
        )
    return Field(values=frozenset({_within(value, unit)}), nearest_weekday=True)


def _nth(text: str) -> int:
    if not _SIGNED.fullmatch(text) or not 1 <= _integer(text) <= 5:
        raise QuartzError("A numeric value between 1 and 5 must follow the '#' option")
    return int(text)


def _range(start: int, rest: str, unit: Unit) -> Field:
    found = _RANGE.match(rest)
    if found is None or found[2] == "":
        raise _illegal(f"a number is missing in {start}{rest}")
    end, step = _integer(found[1]), _integer(found[2] or "1")
    _within(start, unit)
    if end > unit.most and unit is not YEARS:
        raise QuartzError(unit.bounds)
    return Field(values=_span(start, end, step, unit))


def _from(start: int, rest: str, unit: Unit) -> Field:
    if rest == "/":
        raise QuartzError("'/' must be followed by an integer.")
    found = _STEP.match(rest)
    if found is None:
        raise _illegal(f"a number is missing in {start}{rest}")
    if len(found[1]) == 1 and found[2]:
        raise QuartzError(f"Unexpected character '{found[2]}' after '/'")
    step = _integer(found[1])
    _check_step(step, unit)
    _within(start, unit)
    return Field(values=_span(start, unit.most, step, unit))


def _check_step(step: int, unit: Unit) -> None:
    if step > unit.largest_step:
        raise QuartzError(f"Increment > {unit.step_bound} : {step}")


def _within(value: int, unit: Unit) -> int:
    """Return a value that the field may hold; any year may be named, and one before 1970 just never comes."""
    if unit is YEARS and value not in (98, 99):
        return value
    if not unit.least <= value <= unit.most:
        raise QuartzError(unit.bounds)
    return value


def _span(start: int, end: int, step: int, unit: Unit) -> frozenset[int]:
    """Return every step-th value from start to end, round the field's end if that is before the start."""
    if step == 0:
        return frozenset({start})
    if end >= start:
        return frozenset(range(start, min(end, unit.most) + 1, step))
    if unit is YEARS:
        raise _illegal("Start year must be less than stop year")
    size = unit.most - unit.least + 1
    return frozenset(unit.least + (value - unit.least) % size for value in range(start, end + size + 1, step))


def _integer(text: str) -> int:
    if not _SIGNED.fullmatch(text):
        raise _illegal(f"{text!r} is no number")
    number = int(text[:20])  # Python reads no number of any length: https://docs.python.org/3/library/stdtypes.html
    if abs(number) > LARGEST_NUMBER:
        raise _illegal(f"{text[:20]} is too large")
    return number


def _illegal(detail: str) -> QuartzError:
    return QuartzError(f"Illegal cron expression format ({detail})")
