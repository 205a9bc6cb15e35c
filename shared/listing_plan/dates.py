"""The texts that dates of a window have in a path, and the fewest beginnings of texts that hold them all."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from shared.listing_plan.window import Window
from shared.path_template.date_format import DateFormat

# From the coarsest to the finest; `%j` is month and day at once.
_RANKS = {"Y": (0,), "y": (0,), "m": (1,), "d": (2,), "j": (1, 2), "H": (3,), "M": (4,), "S": (5,)}
# The clocks of the world are more than a day apart: to tell minutes apart would only make more listings.
_TOO_FINE = frozenset("MS")
# More hours than a year has; a window that has more steps is not a look-back.
MOST_STEPS = 10_000
_MOST = {"H": 23, "M": 59, "S": 59}
# What `DateFormat` takes a part for that a path does not tell: a leap year, and January.
_UNTOLD_YEAR = 2000
_UNTOLD_MONTH = 1


@dataclass(frozen=True, slots=True)
class _Field:
    """The digits of one directive in the texts of a chain."""

    letter: str
    start: int
    end: int


@dataclass(frozen=True)
class DateChain:
    """Dates that follow one another with literal text between and together spell one moment.

    `{year:%Y}/{month:%m}/{day:%d}` is one chain, as is `{date:%Y-%m-%d}/{hour:%H}`. Two that both tell the day are not:
    a business date and a load date are different moments.
    """

    parts: tuple[str | DateFormat, ...]

    def continues_with(self, following: DateFormat) -> bool:
        """Tell whether a date behind this chain goes on where the chain ends, down the calendar or up."""
        told = [rank for field in self.fields for rank in _RANKS[field.letter]]
        more = [rank for letter, _, _ in following.fields for rank in _RANKS[letter]]
        return max(told) + 1 == min(more) or max(more) + 1 == min(told)

    @cached_property
    def fields(self) -> tuple[_Field, ...]:
        """Return the digits of each directive, in the order of the text."""
        found: list[_Field] = []
        offset = 0
        for part in self.parts:
            if isinstance(part, str):
                offset += len(part)
                continue
            found += [_Field(letter, offset + start, offset + end) for letter, start, end in part.fields]
            offset += len(part.shape)
        return tuple(found)

    @cached_property
    def usable(self) -> int:
        """Return how many directives there are before the first that is too fine to list by."""
        letters = [field.letter for field in self.fields]
        return next((index for index, letter in enumerate(letters) if letter in _TOO_FINE), len(letters))

    def texts(self, window: Window, told: int) -> tuple[str, ...] | None:
        """Return the texts that moments of a window have, up to behind directive number `told`, sorted.

        They end with the literal text before the next directive. None where the window is too long to go through.
        """
        fields = self.fields[:told]
        steps = window.hours() if any(field.letter == "H" for field in fields) else window.days()
        end = self.fields[told].start if told < len(self.fields) else None
        texts: set[str] = set()
        for count, moment in enumerate(steps):
            if count == MOST_STEPS:
                return None
            parts = (part if isinstance(part, str) else part.write(moment) for part in self.parts)
            texts.add("".join(parts)[:end])
        return tuple(sorted(texts))

    def has_text(self, beginning: str) -> bool:
        """Tell whether some date has a text that begins so; `beginning` differs from such texts in digits only."""
        ranges: dict[str, range] = {}
        for field in self.fields:
            digits = beginning[field.start : field.end]
            unit = 10 ** (field.end - field.start - len(digits))
            low = int(digits or "0") * unit
            ranges[field.letter] = range(low, low + unit)
        return _is_on_the_calendar(ranges)


@dataclass(frozen=True, slots=True)
class Cover:
    """Beginnings of texts, none the beginning of another; `is_whole`: they hold every date, not the window's only."""

    beginnings: tuple[str, ...]
    is_whole: bool


class Calendar:
    """The dates of one window, each chain gone through once: ten thousand rules have the same few."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._covers: dict[tuple[DateChain, int, str, bool], Cover | None] = {}

    def cover(self, chain: DateChain, told: int, behind: str = "", *, is_merged: bool) -> Cover | None:
        """Return beginnings that hold the window's texts up to behind directive number `told`.

        `behind` is the literal text behind a whole chain. Those merge that have a beginning with which the calendar
        has no others, as all of November has `2026-11-`: no other date is listed then, but what is no date may be. None
        where the window is too long to go through.
        """
        key = (chain, told, behind, is_merged)
        if key not in self._covers:
            self._covers[key] = _cover(chain, self._window, told, behind, is_merged=is_merged)
        return self._covers[key]


def _cover(chain: DateChain, window: Window, told: int, behind: str, *, is_merged: bool) -> Cover | None:
    texts = chain.texts(window, told)
    if texts is None:
        return None
    places = [place for field in chain.fields[:told] for place in range(field.start, field.end)]
    merged, is_whole = _merge(chain, places, texts)
    whole = frozenset(texts)
    chosen = merged if is_merged else texts
    return Cover(tuple(text + behind if text in whole else text for text in chosen), is_whole)


def _merge(chain: DateChain, places: Sequence[int], texts: Sequence[str]) -> tuple[Sequence[str], bool]:
    """Return the fewest beginnings that hold these texts and no other date, and whether they hold all there are.

    `places` are where the texts may differ, digit by digit; up to the first of them all are the same.
    """
    if not places:
        return texts, True
    place, *later = places
    branches = {digit: list(branch) for digit, branch in groupby(texts, key=lambda text: text[place])}
    merged = [_merge(chain, later, branch) for branch in branches.values()]
    beginning = texts[0][:place]
    absent = (digit for digit in "0123456789" if digit not in branches)
    if all(is_whole for _, is_whole in merged) and not any(chain.has_text(beginning + digit) for digit in absent):
        return ([beginning] if len(branches) > 1 else merged[0][0]), True
    return [text for branch, _ in merged for text in branch], False


def _is_on_the_calendar(ranges: Mapping[str, range]) -> bool:
    """Tell whether a moment has its parts in these ranges; parts without a range are not told."""
    if any(ranges[letter].start > most for letter, most in _MOST.items() if letter in ranges):
        return False
    years = _years(ranges)
    if "j" in ranges:
        return any(_meet(ranges["j"], 366 if isleap(year) else 365) for year in years)
    months = ranges.get("m", range(_UNTOLD_MONTH, _UNTOLD_MONTH + 1))
    days = ranges.get("d", range(1, 2))
    return any(
        _meet(days, monthrange(year, month)[1])
        for month in range(max(months.start, 1), min(months.stop, 13))
        for year in years
    )


def _years(ranges: Mapping[str, range]) -> Sequence[int]:
    """Return enough of the years that are meant: any ten in a row have a leap year and a common one."""
    if "y" in ranges:
        return [year + (2000 if year <= 68 else 1900) for year in ranges["y"][:10]]
    years = ranges.get("Y", range(_UNTOLD_YEAR, _UNTOLD_YEAR + 1))
    return range(max(years.start, 1), years.stop)[:10]


def _meet(numbers: range, most: int) -> bool:
    """Tell whether one of the numbers is from 1 to `most`."""
    return max(numbers.start, 1) <= min(numbers.stop - 1, most)
