from __future__ import annotations

import random
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.listing_plan import Listing, Shard, shards_of

NAMES = st.text("ab/~é\uffee\U0001f600", max_size=4)
LISTINGS = st.sampled_from(["", "a", "a/", "é/"]).map(lambda prefix: Listing("landing", prefix, ("r",)))


def holders(shards: tuple[Shard, ...], name: str) -> list[int]:
    """Return the numbers of the shards that hold a name."""
    return [number for number, shard in enumerate(shards) if shard.holds(name)]


@given(LISTINGS, st.lists(NAMES, max_size=8), st.integers(1, 6), NAMES)
def test_each_name_is_in_exactly_one_shard(listing: Listing, boundaries: list[str], most: int, name: str) -> None:
    """Whatever the boundaries are, each name of the listing has one shard and other names have none."""
    shards = shards_of(listing, boundaries, most)

    assert 1 <= len(shards) <= most
    assert len(holders(shards, listing.prefix + name)) == 1
    assert name.startswith(listing.prefix) or holders(shards, name) == []


@example(Listing("landing", "", ("r",)), ["\U0001f600"], ["a", "\U0001f600", "\uffee"], "utf-16-be")
@given(LISTINGS, st.lists(NAMES, max_size=8), st.lists(NAMES, max_size=12), st.sampled_from(["utf-8", "utf-16-be"]))
def test_shards_are_runs_of_a_listing_however_it_is_sorted(
    listing: Listing, boundaries: list[str], names: list[str], encoding: str
) -> None:
    """Services sort by code points or by UTF-16 units; stopping at a shard's end loses nothing in either."""
    shards = shards_of(listing, boundaries, 4)
    ordered = sorted({listing.prefix + name for name in names}, key=lambda name: name.encode(encoding))

    runs = [number for number, _ in groupby(ordered, key=lambda name: holders(shards, name))]

    assert runs == sorted(runs)
    for shard in shards:
        behind = [shard.ends_before(name) for name in ordered]
        assert behind == sorted(behind)


@given(LISTINGS, st.lists(NAMES, max_size=8), st.integers(1, 6), st.randoms())
def test_shards_do_not_depend_on_the_order_of_boundaries(
    listing: Listing, boundaries: list[str], most: int, chance: random.Random
) -> None:
    """The same boundaries in another order, or told twice, make the same shards."""
    again = [*boundaries, *boundaries]
    chance.shuffle(again)

    assert shards_of(listing, again, most) == shards_of(listing, boundaries, most)


def test_boundaries_are_taken_evenly() -> None:
    """Of more boundaries than there may be shards, those are taken that leave as much to each."""
    boundaries = [f"day={day:02}/" for day in range(1, 12)]

    shards = shards_of(Listing("landing", "day=", ("r",)), boundaries, 4)

    assert [(shard.start_from, shard.end_before) for shard in shards] == [
        *(("", "day=03/"), ("day=03/", "day=06/"), ("day=06/", "day=09/"), ("day=09/", "")),
    ]


def test_boundaries_elsewhere_do_not_cut() -> None:
    """What does not lie within the listing cuts nothing off."""
    shards = shards_of(Listing("landing", "crm/", ("r",)), ["aaa", "crm", "crm/", "erp/1"], 4)

    assert [(shard.start_from, shard.end_before) for shard in shards] == [("", "")]


def test_no_shards_at_all_are_refused() -> None:
    """A listing that nobody goes through would lose its names."""
    with pytest.raises(ValueError, match="at least one shard"):
        shards_of(Listing("landing", "", ("r",)), [], 0)
