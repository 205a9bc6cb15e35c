"""Dates and times as they stand in paths: numeric, of fixed width, the same in every language.

A format is text with strptime's numeric directives. Reading and writing are our own: strptime takes day 366 of a
common year for the first day of the next and 29 February without a year for no date, and strftime does not pad years
below 1000 on Linux (https://github.com/python/cpython/issues/57514).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.path_template.braces import TemplateError

# A directive's letter and how many digits it has.
WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3, "y": 2}
DIRECTIVES = " ".join(f"%{letter}" for letter in WIDTHS)
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_REFUSED_TEXT = re.compile(r"[*?|\[\]\\]")
# What a part is taken for when the format does not name it; a leap year, so that 29 February without a year is a date.
_UNNAMED_YEAR = 2000
_LAST_YEAR_OF_THE_PIVOT = 68


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A parsed format such as `%Y-%m-%d`."""

    text: str
    pieces: tuple[str, ...]  # literal text and directive letters by turns; the first and the last are text
    fields: tuple[tuple[str, int, int], ...]  # letter, start and end in a text of this format
    known: frozenset[str]  # the directives that a moment read by this format can be written with

    @property
    def shape(self) -> str:
        """Return a text that looks like one of this format, with zeros for the digits."""
        return "".join("0" * WIDTHS[piece] if odd % 2 else piece for odd, piece in enumerate(self.pieces))

    @classmethod
    @lru_cache(maxsize=1024)  # ten thousand rules use the same few formats
    def parse(cls, text: str) -> DateFormat:
        """Return the format; raises TemplateError with the column within `text`."""
        pieces = tuple(_DIRECTIVE.split(text))
        fields = _fields(pieces)
        letters = [letter for letter, _, _ in fields]
        _refuse_text(text)
        _refuse_combination(letters)
        return cls(text, pieces, fields, _known(frozenset(letters)))

    def read(self, text: str) -> datetime | None:
        """Return the moment, aware UTC, or None when the digits are no date; `text` has this format's shape."""
        numbers = {letter: int(text[start:end]) for letter, start, end in self.fields}
        try:
            return _moment(numbers)
        except (ValueError, OverflowError):
            return None

    def write(self, moment: datetime) -> str:
        """Return the moment in this format."""
        return "".join(_written(moment, piece) if odd % 2 else piece for odd, piece in enumerate(self.pieces))

    def patterns(self) -> tuple[str, ...]:
        """Return one regular expression for each path segment of a text in this format."""
        pattern = "".join(
            f"[0-9]{{{WIDTHS[piece]}}}" if odd % 2 else re.escape(piece) for odd, piece in enumerate(self.pieces)
        )
        return tuple(pattern.split("/"))


def _fields(pieces: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    fields: list[tuple[str, int, int]] = []
    start, column = 0, 1
    for odd, piece in enumerate(pieces):
        if odd % 2 == 0:
            start += len(piece)
            column += len(piece)
            continue
        if piece not in WIDTHS:
            raise TemplateError(_unknown_directive(piece), column)
        if any(letter == piece for letter, _, _ in fields):
            raise TemplateError(f"`%{piece}` stands twice in this format; once is enough.", column)
        fields.append((piece, start, start + WIDTHS[piece]))
        start += WIDTHS[piece]
        column += 2
    if not fields:
        raise TemplateError(f"This date format has no directive. Those known are {DIRECTIVES}.", 1)
    return tuple(fields)


def _unknown_directive(letter: str) -> str:
    if not letter:
        return f"A `%` needs a letter after it. Those known are {DIRECTIVES}."
    why = "names of days and months depend on the language" if letter in "aAbBp" else "only digits of fixed width"
    return f"`%{letter}` cannot be used: {why}. Those known are {DIRECTIVES}."


def _refuse_text(text: str) -> None:
    if found := _REFUSED_TEXT.search(text):
        raise TemplateError(f"`{found[0]}` cannot stand in a date format.", found.start() + 1)
    if text.startswith("/") or text.endswith("/") or "//" in text:
        column = text.find("//") + 2 if "//" in text else (1 if text.startswith("/") else len(text))
        raise TemplateError("In a date format a `/` stands between two parts of the date, one at a time.", column)


def _refuse_combination(letters: list[str]) -> None:
    if "Y" in letters and "y" in letters:
        raise TemplateError("`%Y` and `%y` both say the year; keep one.", 1)
    if "j" in letters and not {"Y", "y"} & {*letters}:
        raise TemplateError("`%j`, the day of the year, needs `%Y` or `%y`: only some years have a day 366.", 1)
    if "j" in letters and {"m", "d"} & {*letters}:
        raise TemplateError("`%j` already says the month and the day; leave out `%m` and `%d`, or `%j`.", 1)


def _known(letters: frozenset[str]) -> frozenset[str]:
    has_year = bool(letters & {"Y", "y"})
    whole_date = has_year and ("j" in letters or {"m", "d"} <= letters)
    if whole_date:
        return letters | {"Y", "y", "m", "d", "j"}
    return letters | {"Y", "y"} if has_year else letters


def _moment(numbers: dict[str, int]) -> datetime:
    year = _year(numbers)
    clock = {"hour": numbers.get("H", 0), "minute": numbers.get("M", 0), "second": numbers.get("S", 0)}
    if "j" not in numbers:
        return datetime(year, numbers.get("m", 1), numbers.get("d", 1), **clock, tzinfo=UTC)
    moment = datetime(year, 1, 1, **clock, tzinfo=UTC) + timedelta(days=numbers["j"] - 1)
    if moment.year != year:
        raise ValueError("no such day in that year")
    return moment


def _year(numbers: dict[str, int]) -> int:
    if "y" in numbers:
        return numbers["y"] + (2000 if numbers["y"] <= _LAST_YEAR_OF_THE_PIVOT else 1900)
    return numbers.get("Y", _UNNAMED_YEAR)


def _written(moment: datetime, letter: str) -> str:
    number = {
        "Y": moment.year,
        "m": moment.month,
        "d": moment.day,
        "H": moment.hour,
        "M": moment.minute,
        "S": moment.second,
        "j": moment.timetuple().tm_yday,
        "y": moment.year % 100,
    }[letter]
    return str(number).zfill(WIDTHS[letter])
