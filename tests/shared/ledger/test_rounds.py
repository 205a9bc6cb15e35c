"""Rounds and shards in the ledger's table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.memory_table import MemoryTable
from shared.errors import LedgerConflict
from shared.ledger import ListingProgress, Round, Rounds, Shard, ShardProgress
from shared.ledger.rounds import LEASE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = st.text(max_size=12)
COUNTS = st.dictionaries(NAMES, st.integers(0, 10**9), max_size=3)
LISTINGS = st.builds(
    ListingProgress,
    listed=st.integers(0, 10**9),
    pages=st.integers(0, 10**6),
    seconds=st.floats(0, 10**6),
    tries=st.integers(0, 3),
    failure=NAMES,
    marks=st.lists(NAMES, max_size=3).map(tuple),
)
PROGRESS = st.builds(
    ShardProgress,
    position=st.integers(0, 100),
    cursor=NAMES,
    listings=st.lists(LISTINGS, max_size=3).map(tuple),
    found=st.dictionaries(NAMES, COUNTS, max_size=3),
    left=st.dictionaries(NAMES, st.just(NOW), max_size=2),
)
SHARDS = st.builds(
    Shard,
    kind=st.just("quick"),
    round_id=st.just("r"),
    number=st.integers(0, 999),
    listings=st.lists(st.tuples(NAMES, NAMES), max_size=4).map(tuple),
    start_from=NAMES,
    end_before=NAMES,
    is_done=st.booleans(),
    lease_until=st.one_of(st.none(), st.just(NOW)),
    progress=PROGRESS,
)


def a_round(**changes: object) -> Round:
    """Return a quick round, with changes."""
    new = Round(kind="quick", id="r", fingerprint="f", started_at=NOW)
    return replace(new, **changes)  # type: ignore[arg-type]  # the caller names fields of Round


def a_shard(number: int = 0, round_id: str = "r") -> Shard:
    """Return a shard of one listing."""
    return Shard(kind="quick", round_id=round_id, number=number, listings=(("landing", "a/"),))


@given(SHARDS)
async def test_shard_survives_its_row(shard: Shard) -> None:
    """Whatever names and counts it holds, a shard is read as it was written."""
    rounds = Rounds(MemoryTable())
    await rounds.start(a_round(), [shard], None)
    (found,) = await rounds.shards(a_round())

    assert replace(found, etag="") == shard


async def test_round_survives_its_row() -> None:
    """Every field of a round is read as it was written."""
    rounds = Rounds(MemoryTable())
    written = a_round(containers_failure="down", sent_at=NOW, concluded_at=NOW, listed=7)
    await rounds.start(written, [], None)
    found = await rounds.current("quick")

    assert found is not None
    assert replace(found, etag="") == written


async def test_only_one_worker_has_a_shard() -> None:
    """A lease goes to whoever writes first, and is free again when it has run out."""
    rounds = Rounds(MemoryTable())
    await rounds.start(a_round(), [a_shard()], None)
    (seen,) = await rounds.shards(a_round())
    mine = await rounds.take(seen, NOW)
    theirs = await rounds.take(seen, NOW)
    (leased,) = await rounds.shards(a_round())

    assert mine is not None
    assert (theirs, leased.is_free(NOW), leased.is_free(NOW + LEASE)) == (None, False, True)


async def test_worker_that_lost_its_lease_cannot_write() -> None:
    """What a zombie has counted does not count."""
    rounds = Rounds(MemoryTable())
    await rounds.start(a_round(), [a_shard()], None)
    (seen,) = await rounds.shards(a_round())
    zombie = await rounds.take(seen, NOW)
    (leased,) = await rounds.shards(a_round())
    await rounds.take(leased, NOW + LEASE + timedelta(seconds=1))
    assert zombie is not None

    with pytest.raises(LedgerConflict):
        await rounds.save_shard(zombie, is_done=True)


async def test_former_rounds_leave_nothing() -> None:
    """The shards of a round that nobody asks for any more are deleted, also many of them."""
    rounds = Rounds(MemoryTable())
    first = await rounds.start(a_round(), [a_shard(number) for number in range(130)], None)
    second = await rounds.start(a_round(id="s"), [a_shard(0, "s")], first)
    assert second is not None
    await rounds.forget_former(second)

    assert await rounds.shards(a_round()) == []
    assert len(await rounds.shards(second)) == 1
