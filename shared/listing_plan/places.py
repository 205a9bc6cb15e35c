"""Where the blobs of one rule may be: containers, and in them the beginnings of names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.listing_plan.beginning import Beginning, Step
from shared.listing_plan.dates import Calendar, DateChain
from shared.path_template import Mismatch, PathTemplate


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a plan: each prefix is at least one request, however little lies below it."""

    most_prefixes: int = 200  # of one rule in one container; where it would have more, a shorter prefix is listed

    def __post_init__(self) -> None:
        if self.most_prefixes < 1:
            raise ValueError(f"A rule needs at least one prefix; most_prefixes is {self.most_prefixes}.")


@dataclass(frozen=True, slots=True)
class Place:
    """The blobs whose names begin with one of the prefixes, in one container or in all that a rule may mean."""

    container: str | None  # None: every container that `is_in` takes
    prefixes: tuple[str, ...]  # sorted; none is the beginning of another
    container_prefix: str = ""  # where there may be several containers: what their names begin with
    container_template: str = ""  # and the first segment of the rule's template; "" where it may be anything
    is_pruned: bool = False  # dates are left out

    def is_in(self, container: str) -> bool:
        """Tell whether the place is in the container of this name."""
        if self.container is not None:
            return container == self.container
        return container.startswith(self.container_prefix) and _fits(self.container_template, container)


@lru_cache(maxsize=4096)
def _fits(template: str, container: str) -> bool:
    # The language itself decides, with a blob of any name.
    return not template or not isinstance(PathTemplate.parse(f"{template}/**").match(f"{container}/-"), Mismatch)


def place_of(beginning: Beginning, calendar: Calendar | None, limits: Limits) -> Place:
    """Return the place of every path of a calendar's dates, or of all dates where there is no calendar.

    A path is of these dates if each chain of dates that directly follows its literal beginning spells a moment of them;
    dates behind a wildcard or a text capture do not narrow. Choices do, with and without a calendar.
    """
    prefixes, is_pruned = _Expansion(calendar, limits.most_prefixes).of(beginning.steps)
    return Place(
        beginning.container, prefixes, beginning.container_prefix, beginning.container_template, is_pruned=is_pruned
    )


@dataclass(frozen=True, slots=True)
class _Expansion:
    """Writes steps out as prefixes, at most so many."""

    calendar: Calendar | None
    most: int

    def of(self, steps: Sequence[Step]) -> tuple[tuple[str, ...], bool]:
        """Return the prefixes, and whether they leave out dates."""
        prefixes, is_pruned = [""], False
        for index, step in enumerate(steps):
            if isinstance(step, DateChain):
                beginnings, leaves_out, goes_on = self._dates(step, steps[index + 1 :], self.most // len(prefixes))
                is_pruned = is_pruned or leaves_out
            else:
                beginnings, goes_on = (step,) if isinstance(step, str) else step, True
                if len(prefixes) * len(beginnings) > self.most:
                    break
            prefixes = [prefix + beginning for prefix in prefixes for beginning in beginnings]
            if not goes_on:
                break
        return without_contained(prefixes), is_pruned

    def _dates(self, chain: DateChain, later: Sequence[Step], room: int) -> tuple[tuple[str, ...], bool, bool]:
        """Return beginnings of dates, whether they leave dates out, and whether what is behind can narrow further.

        Of the ways to write the dates down, the narrowest that has room: all directives; those merged that the calendar
        allows; fewer directives, the ones in front; nothing.
        """
        if self.calendar is None:
            return ("",), False, False
        every = len(chain.fields)
        behind = later[0] if later and isinstance(later[0], str) else ""
        if chain.usable == every and (len(later) > 1 or (later and later[0] != "/")):
            # What is behind the date narrows too, and would be lost by merging.
            cover = self.calendar.cover(chain, every, is_merged=False)
            if cover and len(cover.beginnings) <= room:
                return cover.beginnings, not cover.is_whole, True
        for told in range(chain.usable, 0, -1):
            cover = self.calendar.cover(chain, told, behind if told == every else "", is_merged=True)
            if cover and len(cover.beginnings) <= room:
                return cover.beginnings, not cover.is_whole, False
        return ("",), False, False


def without_contained(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes that have no other of them at their beginning, sorted: they hold the same names."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)
