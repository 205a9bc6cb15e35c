"""What a pass that failed or died costs the next ones: not the minutes after it."""

from __future__ import annotations

import pytest

from shared.errors import LedgerUnavailable
from shared.ledger.rounds import LEASE
from shared.sweep import Sharer
from tests.fakes.world import World
from tests.shared.sweep_kit import MANY, active, large, page, sweep

BETWEEN_PASSES = 60.0  # RECONCILE_SCHEDULE, as local.settings.sample.json has it
FILES = 16


async def landed(**settings: str) -> World:
    """Return a service that has been active for a while; since then files have landed, and their events were lost."""
    world = await active(MANY, **settings)
    await large(world, FILES)
    return world


async def unanswered(*_: object) -> None:
    """Stand where the ledger is asked, and get no answer."""
    raise LedgerUnavailable("no answer")


async def is_concluded(world: World) -> bool:
    """Tell whether the current quick round is over."""
    current = await world.rounds.current("quick")
    return current is not None and current.concluded_at is not None


async def test_one_failed_call_does_not_end_the_round(caplog: pytest.LogCaptureFixture) -> None:
    """Whichever call of the ledger fails, the same pass ends the round and starts all files but the one it was for."""
    world = await landed()
    calls = world.table.calls
    await sweep(world)
    most = world.table.calls - calls
    for number in range(most):
        world = await landed()
        standings = await world.bookkeeping.standings()
        world.table.fails_after = number
        await world.sweeper.sweep(world.rules, standings, world.deadline(60))
        world.table.fails_after = None

        assert await is_concluded(world), number
        assert len(await world.all_entries()) >= FILES - 1, number
    assert caplog.text.count("round.interrupted") > FILES  # and not only calls that are for one file


async def test_ledger_that_stays_down_is_asked_twice_and_no_more() -> None:
    """A second try is for what fails now and then: an outage ends the pass."""
    world = await landed()
    standings = await world.bookkeeping.standings()
    world.table.down = True
    calls = world.table.calls

    with pytest.raises(LedgerUnavailable):
        await world.sweeper.sweep(world.rules, standings, world.deadline(60))

    assert world.table.calls - calls <= 4  # of two kinds of rounds


async def test_pass_without_time_does_not_try_again() -> None:
    """Past the deadline a failed call is left to the next pass."""
    world = await landed()
    standings = await world.bookkeeping.standings()
    world.table.fails_after = 2  # the quick round is about to be written down

    with pytest.raises(LedgerUnavailable):
        await world.sweeper.sweep(world.rules, standings, world.deadline(0))

    assert await world.all_entries() == []


async def test_left_round_is_ended_and_followed_by_the_next_in_one_pass() -> None:
    """A file that landed after a round had begun, and the pass that began it had died, waits for no further pass."""
    world = await landed()
    await page(world)
    await large(world, 4, "later-")
    await world.reconciler.run()

    assert len(world.databricks.runs) == FILES + 4
    assert await is_concluded(world)


async def test_left_round_that_takes_all_the_time_is_followed_by_none() -> None:
    """The next round begins where there is time for it, so that a pass ends when it should."""
    world = await landed()
    await page(world)
    left = await world.rounds.current("quick")
    world.clock.advance(BETWEEN_PASSES)
    await page(world)
    current = await world.rounds.current("quick")

    assert left is not None
    assert current is not None
    assert current.id == left.id


async def test_pass_after_one_that_died_finds_its_shards_free() -> None:
    """The lease of a dead worker ends before the next pass sweeps, so that a death costs one pass and not two."""
    world = await landed()
    await page(world)
    current = await world.rounds.current("quick")
    assert current is not None
    world.clock.advance(BETWEEN_PASSES - LEASE.total_seconds() + 10)  # so late in the pass it died
    for shard in await world.rounds.shards(current):
        assert await world.rounds.take(shard, world.clock.now()) is not None
    world.clock.advance(BETWEEN_PASSES / 2)
    world.restart(MANY)
    await sweep(world)

    assert len(await world.all_entries()) == FILES


async def test_shard_whose_sweep_failed_is_free_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ledger fails, the worker gives its shard back: the lease is for those that cannot say so any more."""
    world = await landed()
    standings = await world.bookkeeping.standings()

    with monkeypatch.context() as patched:
        patched.setattr("shared.sweep.Claimant.claim", unanswered)
        with pytest.raises(LedgerUnavailable):
            await world.sweeper.sweep(world.rules, standings, world.deadline(60))
    current = await world.rounds.current("quick")
    assert current is not None
    shards = await world.rounds.shards(current)
    await world.sweeper.sweep(world.rules, standings, world.deadline(60))

    assert all(shard.is_free(world.clock.now()) for shard in shards)
    assert len(await world.all_entries()) == FILES


async def test_former_round_that_cannot_be_forgotten_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its rows are in nobody's way; a later round removes them."""
    world = await landed()

    with monkeypatch.context() as patched:
        patched.setattr("shared.ledger.Rounds.forget_former", unanswered)
        await world.reconciler.run()
    started = len(world.databricks.runs)
    world.clock.advance(BETWEEN_PASSES)
    await world.reconciler.run()
    current = await world.rounds.current("quick")
    assert current is not None
    ids = {row.key.partition("|")[0] async for row in world.table.range("sweeps|quick", "", "~")}

    assert started == FILES
    assert "round.former_kept" in caplog.text
    assert ids == {current.id}


async def test_round_whose_shards_are_all_held_is_not_left_to_the_queue() -> None:
    """Without a message nobody would come for them: the passes go on with what their holders leave."""
    world = await landed()
    await page(world)
    current = await world.rounds.current("quick")
    assert current is not None
    for shard in await world.rounds.shards(current):
        await world.rounds.take(shard, world.clock.now())

    sent = await Sharer(world.rounds, world.queue, world.clock).send(current)

    assert (sent.sent_at, world.queue.take()) == (None, [])


async def test_shard_of_a_shared_round_that_was_given_back_is_for_the_next_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its message may be gone, so nobody waits for the queue to bring another."""
    world = await landed(SWEEP_QUEUE_ABOVE="5")
    await page(world)
    message, *_ = world.queue.take()

    with monkeypatch.context() as patched:
        patched.setattr("shared.sweep.Claimant.claim", unanswered)
        with pytest.raises(LedgerUnavailable):
            await world.sweeper.work_on(message)
    before = len(await world.all_entries())
    await sweep(world)

    assert len(await world.all_entries()) - before == FILES // 4 - 2  # what its shard had left
