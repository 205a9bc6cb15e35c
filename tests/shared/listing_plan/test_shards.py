from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.listing_plan import Listing, Shard, passes, shards_of

NAMES = st.text("ab/-~é\uffee\U0001f600", max_size=4)
LISTINGS = st.sampled_from(["", "a", "a/", "é/"]).map(lambda prefix: Listing("landing", prefix, ("r",)))


def holders(shards: tuple[Shard, ...], name: str) -> list[int]:
    """Return the numbers of the shards that hold a name."""
    return [number for number, shard in enumerate(shards) if shard.holds(name)]


@given(LISTINGS, st.lists(NAMES, max_size=8), st.integers(1, 6), NAMES)
def test_each_name_is_in_a_shard(listing: Listing, boundaries: list[str], most: int, name: str) -> None:
    """Whatever the boundaries are, each name of the listing has a shard and other names have none."""
    shards = shards_of(listing, boundaries, most)

    assert 1 <= len(shards) <= most
    assert holders(shards, listing.prefix + name)
    assert name.startswith(listing.prefix) or holders(shards, name) == []


@given(LISTINGS, st.lists(NAMES.filter(lambda name: "/" not in name), max_size=8), st.text("ab/~é", max_size=4))
def test_most_names_are_in_one_shard_only(listing: Listing, boundaries: list[str], name: str) -> None:
    """Only names that the two orders disagree on are looked at twice."""
    shards = shards_of(listing, [boundary.replace("-", "") for boundary in boundaries], 4)

    assert len(holders(shards, listing.prefix + name)) == 1


STARTS = st.sampled_from(["known", "ignored"])
ORDERS: dict[str, Callable[[str], Any]] = {
    "code points": lambda name: name,
    "UTF-16": lambda name: name.encode("utf-16-be"),
    "folders": lambda name: name.split("/"),
    "folders in UTF-16": lambda name: [part.encode("utf-16-be") for part in name.split("/")],
}


@example(Listing("landing", "", ("r",)), ["\U0001f600"], ["a", "\U0001f600", "\uffee"], "UTF-16", "ignored")
@example(Listing("landing", "", ("r",)), ["a-b"], ["a/b", "a-a", "a-c"], "folders", "known")
@given(LISTINGS, st.lists(NAMES, max_size=8), st.lists(NAMES, max_size=12), st.sampled_from(sorted(ORDERS)), STARTS)
def test_shards_lose_nothing_however_a_listing_is_sorted(
    listing: Listing, boundaries: list[str], names: list[str], order: str, start_from: str
) -> None:
    """Whether the service starts where it is asked to or not, going on to the first name behind loses nothing."""
    key = ORDERS[order]
    ordered = sorted({listing.prefix + name for name in names}, key=key)
    seen: set[str] = set()
    for shard in shards_of(listing, boundaries, 4):
        given_out = [name for name in ordered if start_from == "ignored" or key(name) >= key(shard.start_from)]
        for name in given_out:
            if passes(name, shard.end_before):
                break
            seen |= {name} if shard.holds(name) else set()

    assert seen == set(ordered)


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
