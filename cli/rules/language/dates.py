"""The texts that are dates of a format: exactly those that `DateFormat.read` reads, of which a test makes sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from cli.rules.language.terms import EMPTY, Term, either, literal, sequence
from shared.path_template.date_format import WIDTHS, DateFormat

_MONTHS = {31: (1, 3, 5, 7, 8, 10, 12), 30: (4, 6, 9, 11), 28: (2,)}


@cache
def dates_of(date_format: DateFormat) -> Term:
    """Return the language of the dates that a format can write."""
    return either(_alternatives(date_format))


def _alternatives(date_format: DateFormat) -> Iterator[Term]:
    """Yield the dates of leap and of common years, by the length of their month: within each the parts are free."""
    letters = {letter for letter, _, _ in date_format.fields}
    for leap in (True, False) if letters & {"Y", "y"} else (True,):  # without a year it is a leap year
        for days in _MONTHS if "m" in letters else (31,):  # without a month it is January
            yield sequence(
                _numbers(WIDTHS[piece], _values(piece, days, leap=leap)) if odd % 2 else literal(piece)
                for odd, piece in enumerate(date_format.pieces)
            )


def _values(letter: str, days: int, *, leap: bool) -> frozenset[int]:
    return frozenset(
        {
            "Y": (year for year in range(1, 10_000) if _is_leap(year) == leap),
            "y": (year for year in range(100) if (year % 4 == 0) == leap),  # 1969 to 2068, in which 2000 is one
            "m": _MONTHS[days],
            "d": range(1, (29 if leap and days == 28 else days) + 1),
            "j": range(1, (366 if leap else 365) + 1),
            "H": range(24),
            "M": range(60),
            "S": range(60),
        }[letter]
    )


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@cache
def _numbers(width: int, values: frozenset[int]) -> Term:
    """Return the language of numbers of so many digits."""
    if not width:
        return EMPTY
    size = 10 ** (width - 1)
    following: dict[frozenset[int], list[int]] = {}
    for digit in range(10):
        rest = frozenset(value - digit * size for value in values if value // size == digit)
        if rest:
            following.setdefault(rest, []).append(digit)
    return either(sequence([_digits(digits), _numbers(width - 1, rest)]) for rest, digits in following.items())


def _digits(digits: Iterable[int]) -> Term:
    return either(literal(str(digit)) for digit in digits)
