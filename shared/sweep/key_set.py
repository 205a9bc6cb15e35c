"""A set of ledger keys that stays small: a sweep may have to know a million of them."""

from __future__ import annotations

from array import array

# Of a key's 64 hex digits the first 16 are kept. Two of a million keys agree in them with a chance of 1 in 37 million,
# and nobody can bring it about: a key is the SHA-256 of an ETag, too, which only the service chooses.
_DIGITS = 16
# Each part grows by itself, and by half: growing holds two tables at once, but only of one part.
_PARTS = 64
_FIRST_SLOTS = 16
_LOAD = 0.75


class KeySet:
    """Keys, eight bytes each, in tables of slots with linear probing: 11 to 16 MB for a million."""

    def __init__(self) -> None:
        self._parts = [_slots(_FIRST_SLOTS) for _ in range(_PARTS)]
        self._counts = [0] * _PARTS

    def __len__(self) -> int:
        return sum(self._counts)

    def __contains__(self, key: str) -> bool:
        value = int(key[:_DIGITS], 16) or 1  # 0 is an empty slot
        slots = self._parts[value % _PARTS]
        size = len(slots)
        place = value // _PARTS % size
        while found := slots[place]:
            if found == value:
                return True
            place = (place + 1) % size
        return False

    def add(self, key: str) -> None:
        """Add a key of 64 hex digits."""
        value = int(key[:_DIGITS], 16) or 1
        part = value % _PARTS
        slots = self._parts[part]
        if self._counts[part] > _LOAD * len(slots):
            slots = self._parts[part] = _grown(slots)
        self._counts[part] += _put(slots, value)


def _slots(count: int) -> array[int]:
    return array("Q", bytes(8 * count))


def _put(slots: array[int], value: int) -> bool:
    """Put a value where it belongs; tell whether it was not there."""
    size = len(slots)
    place = value // _PARTS % size
    while found := slots[place]:
        if found == value:
            return False
        place = (place + 1) % size
    slots[place] = value
    return True


def _grown(slots: array[int]) -> array[int]:
    larger = _slots(len(slots) * 3 // 2)
    for value in slots:
        if value:
            _put(larger, value)
    return larger
