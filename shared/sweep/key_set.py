"""A set of ledger keys that stays small: a sweep may have to know a million of them."""

from __future__ import annotations

from array import array

_FIRST_SLOTS = 1 << 10
# Of a key's 64 hex digits the first 16 are kept. Two of a million keys agree in them with a chance of 1 in 37 million,
# and nobody can bring it about: a key is the SHA-256 of an ETag, too, which only the service chooses.
_DIGITS = 16


class KeySet:
    """Keys, eight bytes each, in a table of slots with linear probing: about 16 MB for a million."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: str) -> bool:
        value = int(key[:_DIGITS], 16) or 1  # 0 is an empty slot
        slots, mask = self._slots, self._mask
        place = value & mask
        while found := slots[place]:
            if found == value:
                return True
            place = (place + 1) & mask
        return False

    def add(self, key: str) -> None:
        """Add a key of 64 hex digits."""
        if self._count * 4 >= len(self._slots) * 3:
            self._grow()
        self._count += self._put(int(key[:_DIGITS], 16) or 1)

    def _put(self, value: int) -> bool:
        slots, mask = self._slots, self._mask
        place = value & mask
        while found := slots[place]:
            if found == value:
                return False
            place = (place + 1) & mask
        slots[place] = value
        return True

    def _grow(self) -> None:
        former = self._slots
        self._slots = array("Q", bytes(16 * len(former)))
        self._mask = len(self._slots) - 1
        for value in former:
            if value:
                self._put(value)
