"""The best few prefixes that cover many texts: every text starts with one of them.

Each character of a prefix is taken to let through one in 64, so that prefixes are shortened where they are longest and
differ latest: two folders of one container are put together before two containers are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

# Characters of one value: https://learn.microsoft.com/azure/event-grid/event-filtering#limitations
LONGEST_VALUE = 512
_BITS = 6  # of a character


@dataclass(frozen=True, slots=True)
class Cover:
    """Prefixes, and how much passes them; what passes is for comparing and has no unit."""

    passing: int
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """Where texts begin to differ: what they share, and the covers of each part of them."""

    shared: str
    parts: list[list[Cover]] = field(default_factory=list)


def best_covers(texts: Iterable[str], most: int) -> list[Cover]:
    """Return the best covers of some texts with one prefix, with up to two, and so on, at most with `most`.

    The first is the longest prefix that all texts share. Texts longer than LONGEST_VALUE count as cut there. The list
    is short where more prefixes are of no more use. Raises ValueError when there is no text.
    """
    ordered = minimal({text[:LONGEST_VALUE] for text in texts})
    if not ordered:
        raise ValueError("nothing covers no texts")
    above: list[_Branch] = []  # a loop and no recursion: texts may branch deeper than Python's stack
    for text, following in zip(ordered, [*ordered[1:], None], strict=True):
        covers = [_cover(text)]
        shared = "" if following is None else _shared(text, following)
        while above and (following is None or len(above[-1].shared) > len(shared)):
            branch = above.pop()
            covers = _covers([*branch.parts, covers], branch.shared, most)
        if following is not None:
            if not (above and above[-1].shared == shared):
                above.append(_Branch(shared))
            above[-1].parts.append(covers)
    return covers


def _shared(first: str, second: str) -> str:
    pairs = enumerate(zip(first, second, strict=False))
    return first[: next((index for index, (one, other) in pairs if one != other), min(len(first), len(second)))]


def minimal(texts: Iterable[str]) -> list[str]:
    """Return the texts that do not start with another of them, sorted: they cover the same."""
    kept: list[str] = []
    for text in sorted(set(texts)):
        if not (kept and text.startswith(kept[-1])):
            kept.append(text)
    return kept


def _cover(prefix: str) -> Cover:
    return Cover(1 << _BITS * (LONGEST_VALUE - len(prefix)), (prefix,))


def _covers(parts: list[list[Cover]], shared: str, most: int) -> list[Cover]:
    """Return the covers of all parts, by their number of prefixes, from one."""
    whole = _cover(shared)
    if len(parts) > most:
        return [whole]  # fewer prefixes than parts: only the one that all of them share
    together = reduce(lambda first, second: _together(first, second, most), parts)
    return [whole] * (len(parts) - 1) + together


def _together(first: list[Cover], second: list[Cover], most: int) -> list[Cover]:
    """Return the best covers of two lots of texts at once, by their number of prefixes, from the fewest."""
    best: dict[int, Cover] = {}
    for left in first:
        for right in second:
            count, passing = len(left.prefixes) + len(right.prefixes), left.passing + right.passing
            if count <= most and (count not in best or passing < best[count].passing):
                best[count] = Cover(passing, left.prefixes + right.prefixes)
    covers = [best[min(best)]]
    for count in range(min(best) + 1, max(best) + 1):
        # Not every number of prefixes is a better choice than one fewer.
        covers.append(min(covers[-1], best.get(count, covers[-1]), key=lambda cover: cover.passing))
    return covers
