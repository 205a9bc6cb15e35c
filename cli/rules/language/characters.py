"""Sets of characters, as sorted ranges of code points."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]  # first and last code point of each, neither overlapping nor adjacent

LAST = 0x10FFFF
# Half a surrogate pair is no character: no blob's name can hold one.
ALL: Ranges = ((0, 0xD7FF), (0xE000, LAST))


def ranges_of(text: str) -> Ranges:
    """Return the set of the characters of a text."""
    return union(((ord(character), ord(character)),) for character in text)


def union(sets: Iterable[Ranges]) -> Ranges:
    """Return the characters that are in any of the sets."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(each for ranges in sets for each in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Return all characters that are not in the set."""
    left: list[tuple[int, int]] = []
    for first, last in ALL:
        at = first
        for taken, until in ranges:
            if until < at or taken > last:
                continue
            if taken > at:
                left.append((at, taken - 1))
            at = until + 1
        if at <= last:
            left.append((at, last))
    return tuple(left)


def holds(ranges: Ranges, code_point: int) -> bool:
    """Tell whether a character is in the set."""
    return any(first <= code_point <= last for first, last in ranges)
