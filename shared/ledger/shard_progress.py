"""How far the sweep of a shard has come and what it has found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ListingProgress:
    """One listing of a shard."""

    listed: int = 0  # blobs
    pages: int = 0
    seconds: float = 0.0
    tries: int = 0  # that failed
    failure: str = ""  # why it was given up in this round; "" when it was not
    marks: tuple[str, ...] = ()  # names, evenly apart: where the next round may cut it


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardProgress:
    """All listings of a shard up to where the next page starts."""

    position: int = 0  # the listing that goes on
    cursor: str = ""  # where its next page starts
    listings: tuple[ListingProgress, ...] = ()  # those begun
    found: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # ledger name -> what -> how many
    left: Mapping[str, datetime] = field(default_factory=dict)  # ledger name -> the oldest that was left for later

    def without_marks(self) -> ShardProgress:
        """Return it without what only helps the next round."""
        return replace(self, listings=tuple(replace(each, marks=()) for each in self.listings))

    def as_text(self) -> str:
        """Return it as text."""
        listings = [astuple(each) for each in self.listings]
        left = {name: time.isoformat() for name, time in self.left.items()}
        return json.dumps([self.position, self.cursor, listings, self.found, left])

    @classmethod
    def from_text(cls, text: str) -> ShardProgress:
        """Return what `as_text` was made of."""
        position, cursor, listings, found, left = json.loads(text)
        return cls(
            position=position,
            cursor=cursor,
            listings=tuple(
                ListingProgress(listed, pages, seconds, tries, failure, tuple(marks))
                for listed, pages, seconds, tries, failure, marks in listings
            ),
            found=found,
            left={name: datetime.fromisoformat(time) for name, time in left.items()},
        )
