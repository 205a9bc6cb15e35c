"""Backfills in the ledger: created once, moved by ETag, leased to one worker."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import LedgerConflict
from shared.ledger import Backfill, BackfillCursor, Backfills, BackfillState, Table, backfill_id
from tests.fakes.manual_clock import START

HOUR = timedelta(hours=1)


@pytest.fixture
def backfills(table: Table) -> Backfills:
    """Return the backfills of a table."""
    nonces = itertools.count()
    return Backfills(table, lambda: f"nonce-{next(nonces)}")


def made(distinction: str = "a", hours: int = 0, **changes: object) -> Backfill:
    """Return a backfill that was asked for so many hours after START."""
    at = START + hours * HOUR
    backfill = Backfill(id=backfill_id(at, distinction), rule="crm", created_at=at, asked_by="ada")
    return replace(backfill, **changes)  # type: ignore[arg-type]  # each test says what it wants


async def test_everything_comes_back(backfills: Backfills) -> None:
    """Whatever a prefix or a cursor holds, and unbounded values too."""
    full = made(
        prefix="landing/\u202e'\"|\n/\U0001f600",
        since=START - HOUR,
        until=START,
        limit=5,
        rate=0.5,
        arrived_at=START,
        reason="why",
        cursor=BackfillCursor("landing", "\u202e|", "page|2"),
        counts={"listed": 3, "claimed": 1},
        failures=2,
        lease_owner="w",
        lease_until=START,
    )
    created = await backfills.create(full)
    bare = await backfills.create(made("b"))

    assert await backfills.read(full.id) == created == replace(full, nonce=created.nonce, etag=created.etag)
    assert await backfills.read(bare.id) == bare


async def test_same_id_twice_is_one_backfill(backfills: Backfills) -> None:
    """An event that is delivered twice asks for one thing."""
    first = await backfills.create(made())

    assert await backfills.create(made(asked_by="bob")) == first


async def test_second_writer_learns_of_the_first(backfills: Backfills) -> None:
    """Who holds an old state writes nothing."""
    old = await backfills.create(made())
    await backfills.save(replace(old, reason="first"))

    with pytest.raises(LedgerConflict):
        await backfills.save(replace(old, reason="second"))
    stored = await backfills.read(old.id)
    assert stored is not None
    assert stored.reason == "first"


async def test_lease_is_one_workers(backfills: Backfills) -> None:
    """A second worker is told who has it; after the lease it may take over, and the first one has lost it."""
    backfill = await backfills.create(made())
    taken = await backfills.take(backfill.id, "w1", START)

    with pytest.raises(LedgerConflict, match="w1 is working on"):
        await backfills.take(backfill.id, "w2", START + timedelta(seconds=30))
    assert (await backfills.take(backfill.id, "w2", START + HOUR)).lease_owner == "w2"
    with pytest.raises(LedgerConflict):
        await backfills.save(taken)


async def test_what_has_ended_is_not_running(backfills: Backfills) -> None:
    """The running ones are found without reading all that ever were, the oldest first."""
    kept = [await backfills.create(made("x", hours)) for hours in (2, 1, 3)]
    await backfills.save(replace(kept[2], state=BackfillState.DONE))

    assert [backfill.id for backfill in await backfills.running()] == [kept[1].id, kept[0].id]
    with pytest.raises(LedgerConflict, match="is running"):
        await backfills.take(kept[2].id, "w", START)
    assert len([each async for each in backfills.since(START + 2 * HOUR)]) == 2


async def test_pruning_leaves_what_runs_and_what_is_young(backfills: Backfills) -> None:
    """A backfill that still runs is never forgotten, however old it is."""
    done = [await backfills.create(made("done", hours)) for hours in (0, 1, 5)]
    for backfill in done:
        await backfills.save(replace(backfill, state=BackfillState.DONE))
    running = await backfills.create(made("running"))

    assert await backfills.prune(START + 3 * HOUR) == 2
    assert await backfills.prune(START + 3 * HOUR) == 0
    assert [each.id async for each in backfills.since(START)] == [running.id, done[2].id]


@pytest.mark.parametrize("identity", ["", "a/b", "B|x", "\u202e", "é" * 20, "a" * 101])
async def test_id_that_nobody_gave_is_nobodys(backfills: Backfills, identity: str) -> None:
    """What Table Storage would refuse as a key is not even asked for."""
    assert await backfills.read(identity) is None
