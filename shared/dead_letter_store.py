"""The container of Event Grid's dead letters as use cases see it: Blob Storage, or tests' memory.

Event Grid writes to `SUBSCRIPTION/2026/11/22/5/<guid>.json`, the event subscription's name in upper case, so that no
name of its own begins with one of the two folders below.
https://learn.microsoft.com/azure/event-grid/manage-event-delivery#set-dead-letter-location
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

# https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_LONGEST_NAME = 1024
_MOST_SEGMENTS = 254


class Folder(StrEnum):
    """Where a dead letter goes when it is done with."""

    HANDLED = "handled/"  # each of its events is claimed, or starts nothing for a logged reason
    UNREADABLE = "unreadable/"  # something in it is no event: for a person to look at


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLetter:
    """A blob of dead letters, as a listing shows it."""

    name: str
    version: str  # its ETag, normalised
    size: int  # bytes
    md5: str | None  # of its content, in base64; blobs written in blocks have none
    written_at: datetime


class DeadLetterStore(Protocol):
    """The dead letters that wait, and the two folders beside them. Every method raises BlobsUnavailable."""

    @property
    def account(self) -> str:
        """Return the storage account's name."""

    @property
    def container(self) -> str:
        """Return the container's name."""

    async def waiting(self, at_most: int) -> list[StoredLetter]:
        """Return the first blobs, by name, that lie in neither folder."""

    async def read(self, letter: StoredLetter) -> bytes | None:
        """Return a letter's content, or None when it is gone or another version is in its place."""

    async def move(self, letter: StoredLetter, folder: Folder) -> bool:
        """Copy a letter to a folder, then remove it; safe to repeat, and for several instances at once.

        Never replaces what lies there. Returns False when the letter is gone or was changed meanwhile, by others;
        it is never removed without a copy of that very version.
        """


def place_in(folder: Folder, name: str) -> str:
    """Return a letter's name in a folder: its own below the folder's, or a digest where that would be refused."""
    place = f"{folder.value}{name}"
    if len(place.encode("utf-16-le", "surrogatepass")) // 2 <= _LONGEST_NAME and place.count("/") < _MOST_SEGMENTS:
        return place
    return f"{folder.value}{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def second_place_in(folder: Folder, letter: StoredLetter) -> str:
    """Return a letter's name in a folder where another letter has the first one: its version makes it its own."""
    return place_in(folder, f"{letter.name}.{letter.version}")
