"""A container of dead letters in memory, in which tests write, disturb and look."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from shared.clock import Clock
from shared.dead_letter_store import Folder, StoredLetter, place_in, second_place_in
from shared.errors import BlobsUnavailable
from tests.fakes.arrivals import ACCOUNT


@dataclass(frozen=True, slots=True)
class _Stored:
    letter: StoredLetter
    content: bytes


class MemoryDeadLetters:
    """Implements shared.dead_letter_store.DeadLetterStore."""

    def __init__(self, clock: Clock, container: str = "dead-letters") -> None:
        self.account = ACCOUNT
        self.container = container
        self.down = False
        self.read_names: list[str] = []
        self.before_move: Callable[[StoredLetter], None] = lambda _: None
        self.crash_before_removal = False
        self._clock = clock
        self._blobs: dict[str, _Stored] = {}
        self._etags = itertools.count(1)

    async def put(self, name: str, content: bytes) -> None:
        """Write a blob, in place of one that is there."""
        self._put(name, content)

    async def remove(self, name: str) -> None:
        """Remove a blob, as another instance or a person would."""
        del self._blobs[name]

    async def contents(self) -> dict[str, bytes]:
        """Return every blob's content by its name, those in the folders too."""
        return {name: stored.content for name, stored in self._blobs.items()}

    async def waiting(self, at_most: int) -> list[StoredLetter]:
        """Return the first blobs, by name, that lie in neither folder; see DeadLetterStore."""
        self._check()
        names = sorted(name for name in self._blobs if not name.startswith(tuple(folder.value for folder in Folder)))
        return [self._blobs[name].letter for name in names[:at_most]]

    async def read(self, letter: StoredLetter) -> bytes | None:
        """Return a letter's content, or None; see DeadLetterStore."""
        self._check()
        self.read_names.append(letter.name)
        stored = self._blobs.get(letter.name)
        return stored.content if stored and stored.letter == letter else None

    async def move(self, letter: StoredLetter, folder: Folder) -> bool:
        """Copy a letter to a folder, then remove it; see DeadLetterStore."""
        self._check()
        self.before_move(letter)
        stored = self._blobs.get(letter.name)
        if stored is None or stored.letter != letter:
            return False
        place = place_in(folder, letter.name)
        if place in self._blobs and self._blobs[place].content != stored.content:
            place = second_place_in(folder, letter)
        self._put(place, stored.content)
        if self.crash_before_removal:
            raise BlobsUnavailable("the connection broke after the copy")
        del self._blobs[letter.name]
        return True

    async def close(self) -> None:
        """Do nothing; memory has no connections."""

    def _put(self, name: str, content: bytes) -> None:
        letter = StoredLetter(
            name=name,
            version=f"0x{next(self._etags):X}",
            size=len(content),
            md5=base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
            written_at=self._clock.now(),
        )
        self._blobs[name] = _Stored(letter, content)

    def _check(self) -> None:
        if self.down:
            raise BlobsUnavailable("Could not list the dead letters.")
