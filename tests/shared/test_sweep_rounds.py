"""Rounds: quick and deep ones, shards, leases, and the queue over which instances share them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.clock import Deadline
from shared.errors import LedgerUnavailable
from shared.ledger import Round, Shard
from shared.ledger.rounds import LEASE
from shared.sweep import RoundReport
from shared.sweep.conclusion import OVERLAP
from shared.sweep.shard_message import ShardMessage
from shared.sweep.sweeper import LEFT_TO_THE_QUEUE, SENT_AGAIN_AFTER
from tests.fakes.manual_clock import START
from tests.fakes.world import World
from tests.shared.sweep_kit import GRACE, MANY, MINUTE, active, large, page

HOUR = 3600.0
DAY = 24 * HOUR
DATED = """
version: 1
rules:
  - name: daily
    path: "landing/daily/{date:%Y-%m-%d}/{name}.csv"
    job: {id: 7}
"""


async def rounds(world: World, seconds: float = MINUTE) -> dict[str, RoundReport]:
    """Run one pass after so many seconds; return its rounds by kind."""
    world.clock.advance(seconds)
    done = await world.reconciler.run()
    return {found.round.kind: found for found in done.rounds}


async def proven(world: World, rule: str) -> timedelta:
    """Return up to when a rule is proven complete, counted from START."""
    return (await world.bookkeeping.standings())[rule].low_watermark - START


async def test_quick_round_lists_the_days_of_the_look_back() -> None:
    """Where paths begin with a date, only the days that a clock on Earth shows in the look-back are listed."""
    world = await active(DATED, RECONCILE_LOOK_BACK="24h")

    assert world.landing.listed == [f"landing/daily/2026-11-{day}/" for day in (21, 22, 23)]


async def test_deep_round_comes_on_its_own_schedule() -> None:
    """A day after a rule became active, and then each day, everything is listed."""
    world = await active(DATED)

    kinds = [sorted(await rounds(world, 6 * HOUR)) for _ in range(9)]

    assert [("deep" in each) for each in kinds] == [False, False, False, True, False, False, False, True, False]
    assert "landing/daily/" in world.landing.listed


async def test_file_of_another_date_is_found_by_the_deep_round() -> None:
    """A file for last month whose event was lost runs within a day, and counts as missed."""
    world = await active(DATED)
    world.clock.advance(HOUR)
    world.landing.upload("landing/daily/2026-10-01/late.csv")
    await rounds(world, HOUR)
    before = await world.all_entries()

    found = await rounds(world, DAY)

    assert before == []
    assert found["deep"].sweeps[0].counts["missed"] == 1
    assert len(await world.all_entries()) == 1


async def test_only_a_deep_round_proves_a_rule_with_dates() -> None:
    """Proven complete means every file, also those of dates that a quick round does not list."""
    world = await active(DATED)
    await rounds(world, 2 * HOUR)
    quick = await proven(world, "daily")
    await rounds(world, DAY)

    assert quick == timedelta(0)
    assert await proven(world, "daily") == timedelta(days=1, hours=2) - timedelta(seconds=GRACE) - OVERLAP


async def test_deep_round_looks_back_over_the_retention() -> None:
    """What the ledger has forgotten is not compared with it, or it would run again."""
    world = await active(MANY, LEDGER_RETENTION="10d", RECONCILE_LOOK_BACK="1d")
    world.landing.failing.add("landing")
    world.landing.upload("landing/crm/old.csv")
    await world.bookkeeping.save_standings(
        [
            replace(standing, low_watermark=START + timedelta(days=11))
            for standing in (await world.bookkeeping.standings()).values()
        ]
    )
    for _ in range(12):
        await rounds(world, DAY)
    world.landing.failing.clear()

    await rounds(world, DAY)

    assert await world.all_entries() == []


async def test_young_file_does_not_hold_up_the_proof() -> None:
    """A file that is left to its event is younger than what is proven."""
    world = await active(MANY)
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/young.csv")
    await rounds(world, MINUTE)

    assert await proven(world, "crm") == timedelta(hours=1, minutes=1) - timedelta(seconds=GRACE) - OVERLAP


async def test_unfinished_file_holds_up_the_proof() -> None:
    """Nothing is proven beyond a file whose copy is still going on, however old it looks."""
    world = await active(MANY)
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/copied.csv")
    world.landing.start_copy("landing/crm/copied.csv")
    found = await rounds(world, 3 * HOUR)

    assert found["quick"].sweeps[0].counts["unfinished"] == 1
    assert await proven(world, "crm") == timedelta(hours=1) - timedelta(milliseconds=1)


async def test_failed_listing_is_tried_again_by_the_deep_round() -> None:
    """The next deep round is a day away, so a listing that fails once is not given up."""
    world = await active(MANY, SWEEP_DEEP_EVERY="1h")
    world.landing.failing.add("landing")
    first = await rounds(world, 2 * HOUR)
    world.landing.failing.clear()
    second = await rounds(world)

    assert (first["deep"].done, first["deep"].failures) == (0, ())
    assert second["deep"].round.concluded_at is not None
    assert second["deep"].sweeps[0].complete


async def test_listing_that_keeps_failing_is_given_up_and_told() -> None:
    """A deep round ends also when a container is gone; its rules are then not proven."""
    world = await active(MANY, SWEEP_DEEP_EVERY="1h")
    world.landing.failing.add("landing")

    found = [(await rounds(world, 2 * HOUR if not number else MINUTE))["deep"] for number in range(3)]

    assert [each.done for each in found] == [0, 0, 4]
    assert set(found[-1].failures) == {"Could not list landing."}
    assert not found[-1].sweeps[0].complete


async def test_changed_rules_begin_a_new_round(caplog: pytest.LogCaptureFixture) -> None:
    """What other rules have listed proves nothing for these."""
    caplog.set_level("INFO")
    world = await active(MANY)
    await large(world)
    await page(world)
    listed = len(world.landing.listed)
    world.restart(DATED)
    found = await rounds(world)

    assert found["quick"].round.fingerprint == world.rules.fingerprint
    assert {place[:14] for place in world.landing.listed[listed:]} == {"landing/daily/"}
    assert "round.abandoned" in caplog.text


async def test_containers_that_cannot_be_listed_stop_only_those_who_need_them() -> None:
    """A rule that names its container is proven all the same."""
    world = await active(MANY + MANY.split("rules:")[1].replace("crm\n", "any\n").replace("landing/", "land*/x/"))
    world.landing.failing.add("")
    found = await rounds(world, HOUR)

    assert found["quick"].failures == ("Could not list .",)
    assert [(sweep.rule, sweep.complete) for sweep in found["quick"].sweeps] == [("crm", True), ("any", False)]
    assert await proven(world, "any") == timedelta(0) < await proven(world, "crm")


async def test_large_round_is_shared_over_the_queue() -> None:
    """Past the configured number of blobs every shard is one message, and the pass itself lists nothing more."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)

    (first,) = await page(world)
    messages = world.queue.take()
    listed = len(world.landing.listed)
    (second,) = await page(world)

    assert (first.listed, first.done) == (8, 0)
    assert len(messages) == 4
    assert (second.listed, len(world.landing.listed)) == (8, listed)


async def test_shared_round_is_complete_when_its_shards_are() -> None:
    """Whoever finishes the last shard concludes the round: each file has run once and the proof has moved."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)
    before = await proven(world, "crm")

    while messages := world.queue.take():
        for message in messages:
            await world.sweeper.work_on(message)

    current = await world.rounds.current("quick")
    assert current is not None
    assert (current.concluded_at is not None, current.listed) == (True, 40)
    assert before == timedelta(0)
    assert len(await world.all_entries()) == 40


async def test_next_round_of_a_large_container_is_shared_at_once() -> None:
    """What the last round listed tells how large the next one will be."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)
    for message in world.queue.take():
        await world.sweeper.work_on(message)

    found = await rounds(world)

    assert found["quick"].round.sent_at is not None
    assert len(world.queue.take()) == 4


async def test_message_that_comes_twice_is_harmless() -> None:
    """A queue delivers at least once: a shard that is done, or that somebody has, is left alone."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)

    for message in world.queue.take():
        await world.sweeper.work_on(message)
        await world.sweeper.work_on(message)
    await world.reconciler.run()

    assert len(world.databricks.runs) == 40


async def test_message_of_another_round_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Old messages may lie about for days."""
    caplog.set_level("INFO")
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)
    (message, *_) = world.queue.take()
    world.restart(DATED)
    listed = len(world.landing.listed)
    await world.sweeper.work_on(message)

    assert len(world.landing.listed) == listed
    assert "shard.obsolete kind=quick" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        "[]",
        "[" * 999,
        '{"kind":"a/b","round":"r","shard":0}',
        '{"kind": "quick"}',
        '{"kind":1,"round":2,"shard":"x"}',
    ],
)
async def test_strange_message_is_refused(message: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is in the queue and not ours is logged and taken away, not delivered for ever."""
    world = await active(MANY)

    await world.sweeper.work_on(message)

    assert "shard.message_refused" in caplog.text


async def test_lost_messages_are_sent_again() -> None:
    """A round whose messages were lost, or poisoned, goes on after a while."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)
    world.queue.take()
    world.clock.advance(SENT_AGAIN_AFTER.total_seconds())
    await page(world)

    assert len(world.queue.take()) == 4


async def test_pass_takes_over_shards_that_nobody_has_taken() -> None:
    """A message that is lost, or hidden with a worker that died before it had the lease, costs minutes, not ten."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    await page(world)
    world.queue.take()
    world.clock.advance(LEFT_TO_THE_QUEUE.total_seconds() - 1)
    await page(world)
    while_left = await listed(world)
    world.clock.advance(1)
    await page(world)
    taken_over = await listed(world)
    left = await world.rounds.current("quick")
    await world.reconciler.run()
    after = await world.rounds.current("quick")

    assert (while_left, taken_over) == (8, 16)
    assert left is not None
    assert after is not None
    assert after.id != left.id  # the left one is concluded, the next one is on the queue
    assert {ShardMessage.from_text(message).round_id for message in world.queue.take()} == {after.id}
    assert len(world.databricks.runs) == 40


async def test_message_of_a_shard_that_a_pass_has_taken_over_does_nothing() -> None:
    """It comes after all, while the pass has the lease: neither disturbs the other, and each file runs once."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    (found,) = await page(world)
    (message, *_) = world.queue.take()
    world.clock.advance(LEFT_TO_THE_QUEUE.total_seconds())
    (shard, *_) = await world.rounds.shards(found.round)
    assert await world.rounds.take(shard, world.clock.now()) is not None
    before = await listed(world)
    await world.sweeper.work_on(message)
    after = await listed(world)
    world.clock.advance(LEASE.total_seconds())
    await world.reconciler.run()

    assert before == after
    assert len(world.databricks.runs) == 40


async def test_pass_takes_over_the_shard_of_a_dead_queue_worker() -> None:
    """The message of a killed instance stays hidden for long; its lease does not."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    (found,) = await page(world)
    (shard, *_) = await world.rounds.shards(found.round)
    assert await world.rounds.take(shard, world.clock.now()) is not None
    before = await listed(world)
    await page(world)
    while_leased = await listed(world)
    world.clock.advance(LEASE.total_seconds())
    await page(world)

    assert (before, while_leased, await listed(world)) == (8, 8, 10)


async def test_dead_queue_leaves_the_round_to_the_passes(caplog: pytest.LogCaptureFixture) -> None:
    """Sharing is a convenience: without a queue the passes list everything themselves."""
    world = await active(MANY, SWEEP_QUEUE_ABOVE="5")
    await large(world)
    world.queue.down = True
    for _ in range(5):
        await page(world)

    current = await world.rounds.current("quick")
    assert current is not None
    assert current.concluded_at is not None
    assert len(await world.all_entries()) == 40
    assert "round.unshared" in caplog.text


async def test_shard_of_a_dead_worker_is_taken_over() -> None:
    """A lease only saves work: after it anybody goes on from where the dead one wrote last."""
    world = await active(MANY)
    await large(world)
    (report,) = await page(world)
    for shard in await world.rounds.shards(report.round):
        assert await world.rounds.take(shard, world.clock.now()) is not None
    await page(world)
    while_leased = await listed(world)
    world.clock.advance(LEASE.total_seconds())
    await page(world)

    assert while_leased == 8
    assert await listed(world) == 16


async def listed(world: World) -> int:
    """Return how many blobs the current quick round has listed."""
    current = await world.rounds.current("quick")
    assert current is not None
    return sum(each.listed for shard in await world.rounds.shards(current) for each in shard.progress.listings)


async def test_two_workers_on_one_shard_run_each_file_once() -> None:
    """Whoever loses the shard's row stops; what both have claimed is claimed once."""
    world = await active(MANY)
    await large(world)
    (report,) = await page(world)
    (shard, *_) = await world.rounds.shards(report.round)
    await world.rounds.take(shard, world.clock.now())
    world.clock.advance(LEASE.total_seconds())
    for _ in range(6):
        await page(world)
    await world.reconciler.run()

    assert len(world.databricks.runs) == 40


async def test_half_of_a_lease_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that takes long writes down where it is, so that nobody else begins with it."""
    world = await active(MANY)
    await large(world)
    pages = world.landing.pages
    leases = []

    async def slow(*args: str, **kwargs: str) -> object:
        async for each in pages(*args, **kwargs):
            world.clock.advance(LEASE.total_seconds() * 0.6)
            yield each

    save = world.rounds.save_shard

    async def noted(shard: Shard, **changes: object) -> Shard:
        leases.append(changes.get("lease_until"))
        return await save(shard, **changes)

    monkeypatch.setattr(world.landing, "pages", slow)
    monkeypatch.setattr(world.rounds, "save_shard", noted)
    deadline = Deadline(world.clock, 30 * DAY)
    await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), deadline)

    assert len([lease for lease in leases if lease is not None]) > 4


async def test_crash_of_the_ledger_in_a_round_is_repaired() -> None:
    """Wherever the ledger fails, the next passes finish the round and every file runs once."""
    for number in range(60):
        world = await active(MANY)
        await large(world, files=12)
        world.table.fails_after = number
        with suppress(LedgerUnavailable):
            await page(world)
        world.table.fails_after = None
        world.clock.advance(LEASE.total_seconds())
        for _ in range(12):
            await world.reconciler.run()
            world.clock.advance(MINUTE)

        assert len(world.databricks.runs) == 12, number


async def test_round_of_somebody_else_is_joined() -> None:
    """Two passes that begin a round at once make one of them."""
    world = await active(MANY)
    last = await world.rounds.current("quick")
    new = Round(kind="quick", id="a", fingerprint=world.rules.fingerprint, started_at=world.clock.now())
    mine = await world.rounds.start(new, [], last)
    other = await world.rounds.start(new, [Shard(kind="quick", round_id="b", number=0, listings=())], last)

    assert (mine is not None, other) == (True, None)
