"""Cut a plan's listings into shards of about the same work."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.ledger import Shard
from shared.listing_plan import Listing, shards_of

Place = tuple[str, str]  # container and prefix

# A listing of more than this in the last round is cut where that round has left marks.
LARGE = 250_000  # blobs; each slice costs a page more than it holds
MOST_SLICES = 32
SMALL_SHARDS = 64  # that the listings which are not large are put together to, at most, unless they say too much
LONGEST_LISTINGS = 30_000  # characters: a property of a row holds 32,768


@dataclass(slots=True)
class Former:
    """What the last round saw of one listing."""

    listed: int = 0
    marks: list[str] = field(default_factory=list)


def seen_before(shards: Iterable[Shard]) -> dict[Place, Former]:
    """Return what the shards of the last round saw, by listing."""
    found: dict[Place, Former] = defaultdict(Former)
    for shard in shards:
        for place, progress in zip(shard.listings, shard.progress.listings, strict=False):  # those not begun are absent
            found[place].listed += progress.listed
            found[place].marks += progress.marks
            if shard.start_from:
                found[place].marks.append(shard.start_from)
    return dict(found)


def cut(listings: Iterable[Listing], seen: Mapping[Place, Former], kind: str, round_id: str) -> list[Shard]:
    """Return shards that together hold every listing once."""
    shards: list[Shard] = []
    small: list[Listing] = []

    def add(places: Sequence[Place], start_from: str = "", end_before: str = "") -> None:
        shard = Shard(
            kind=kind,
            round_id=round_id,
            number=len(shards),
            listings=tuple(places),
            start_from=start_from,
            end_before=end_before,
        )
        shards.append(shard)

    for listing in listings:
        former = seen.get((listing.container, listing.prefix), Former())
        if former.listed <= LARGE:
            small.append(listing)
            continue
        slices = min(MOST_SLICES, -(-former.listed // LARGE))
        for part in shards_of(listing, former.marks, slices):
            add([(listing.container, listing.prefix)], part.start_from, part.end_before)
    for places in _together([(listing.container, listing.prefix) for listing in small]):
        add(places)
    return shards


def _together(places: Sequence[Place]) -> Iterable[list[Place]]:
    most = -(-len(places) // SMALL_SHARDS)
    some: list[Place] = []
    length = 0
    for place in places:
        size = len(json.dumps(place)) + 2
        if some and (len(some) >= most or length + size > LONGEST_LISTINGS):
            yield some
            some, length = [], 0
        some.append(place)
        length += size
    if some:
        yield some
