"""Cutting a plan's listings into shards: everything once, and about evenly."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import ListingProgress, Shard, ShardProgress
from shared.listing_plan import Listing, lies_within
from shared.sweep.cutting import LARGE, LONGEST_LISTINGS, SMALL_SHARDS, Former, cut, seen_before

NAMES = st.text(st.sampled_from("abc/\u00e9\U0001f600"), max_size=6)


def listing(prefix: str) -> Listing:
    """Return a listing of the landing container."""
    return Listing("landing", prefix, ("rule",))


def test_few_listings_have_a_shard_each() -> None:
    """So that all of them are listed at once."""
    shards = cut([listing("a"), listing("b")], {}, "quick", "r")

    assert [shard.listings for shard in shards] == [(("landing", "a"),), (("landing", "b"),)]
    assert [shard.number for shard in shards] == [0, 1]


def test_many_listings_share_shards() -> None:
    """Ten thousand prefixes do not make ten thousand rows, and a row holds what its listings say."""
    listings = [listing(f"{number:05d}/{'x' * 100}") for number in range(10_000)]
    shards = cut(listings, {}, "quick", "r")

    assert SMALL_SHARDS <= len(shards) <= 2 * SMALL_SHARDS
    assert [place for shard in shards for place in shard.listings] == [("landing", each.prefix) for each in listings]
    assert max(len(json.dumps(shard.listings)) for shard in shards) <= LONGEST_LISTINGS


def test_large_listing_is_cut_where_the_last_round_left_marks() -> None:
    """What took long is done by several workers the next time."""
    seen = {("landing", "a/"): Former(listed=3 * LARGE, marks=["a/f", "a/m", "a/t"])}
    shards = cut([listing("a/")], seen, "quick", "r")

    assert [(shard.start_from, shard.end_before) for shard in shards] == [("", "a/m"), ("a/m", "a/t"), ("a/t", "")]


def test_marks_of_all_slices_count() -> None:
    """A listing that was cut leaves its marks in several shards, and their beginnings are marks too."""
    first = ShardProgress(listings=(ListingProgress(listed=10, marks=("c",)),))
    second = ShardProgress(listings=(ListingProgress(listed=20, marks=("q",)),))
    place = (("landing", ""),)
    shards = [
        Shard(kind="quick", round_id="r", number=0, listings=place, end_before="m", progress=first),
        Shard(kind="quick", round_id="r", number=1, listings=place, start_from="m", progress=second),
    ]
    seen = seen_before(shards)[place[0]]

    assert (seen.listed, sorted(seen.marks)) == (30, ["c", "m", "q"])


@given(st.lists(NAMES, max_size=40), st.lists(NAMES, max_size=12), st.integers(0, 40 * LARGE))
def test_every_name_is_in_a_shard(names: list[str], marks: list[str], size: int) -> None:
    """Whatever the marks are, the shards of a listing hold each of its names."""
    shards = cut([listing("")], {("landing", ""): Former(size, list(marks))}, "quick", "r")

    for name in names:
        assert [shard for shard in shards if lies_within(name, shard.start_from, shard.end_before)]
