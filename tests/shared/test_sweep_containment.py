"""What breaks in one place of a sweep stays there (invariant 6): a file, a listing, a rule, a kind of round."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import BlobsUnavailable, LedgerConflict, LedgerUnavailable, QueueUnavailable
from shared.landing import Page
from shared.ledger import ListingProgress, ShardProgress
from shared.model import Arrival, Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import World

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
  - name: erp
    path: "landing/erp/{name}.csv"
    job: {id: 8}
"""


async def active(rules: str = RULES, **settings: str) -> World:
    """Return a service whose rules have been active since START, and an hour has gone by."""
    world = World(rules, **settings)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    return world


async def proven(world: World, rule: str) -> timedelta:
    """Return up to when a rule is proven complete, counted from START."""
    return (await world.bookkeeping.standings())[rule].low_watermark - START


async def test_defect_met_in_one_listing_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules that look there are not proven; the others are, and the round ends."""
    world = await active(SWEEP_DEEP_EVERY="1h")
    pages = world.landing.pages

    async def broken(container: str, prefix: str, *args: str, **kwargs: str) -> AsyncIterator[Page]:
        if prefix == "crm/":
            raise RuntimeError("a defect")
        async for page in pages(container, prefix, *args, **kwargs):
            yield page

    monkeypatch.setattr(world.landing, "pages", broken)
    done = await world.reconciler.run()

    assert [found.round.kind for found in done.rounds] == ["quick", "deep"]
    assert await proven(world, "crm") == timedelta(0) < await proven(world, "erp")
    assert any("RuntimeError" in failure for failure in done.failures)


async def test_file_that_blob_storage_refuses_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that its sender has encrypted with a key of his own: later pages are listed, it holds up the proof."""
    world = await active()
    world.landing.page_size = 1
    for name in ("a", "b", "c"):
        world.landing.upload(f"landing/crm/{name}.csv")
        world.clock.advance(MINUTE)
    world.clock.advance(HOUR)
    identify = world.landing.identify

    async def refused(arrival: Arrival) -> Arrival | None:
        if arrival.path == "crm/b.csv":
            raise BlobsUnavailable("Could not read the properties: 409 BlobUsesCustomerSpecifiedEncryption.")
        return await identify(arrival)

    monkeypatch.setattr(world.landing, "identify", refused)
    for _ in range(2):
        await world.reconciler.run()
        world.clock.advance(MINUTE)

    assert len(world.databricks.runs) == 2
    assert await proven(world, "crm") == timedelta(seconds=HOUR + MINUTE) - timedelta(milliseconds=1)
    assert await proven(world, "crm") < await proven(world, "erp")


async def test_dead_storage_is_not_asked_about_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is answered the listing is given up, and not each of its files."""
    world = await active()
    world.landing.page_size = 100
    for number in range(1000):
        world.landing.upload(f"landing/crm/{number:04d}.csv")
    world.clock.advance(HOUR)
    asked = []

    async def refused(arrival: Arrival) -> Arrival | None:
        asked.append(arrival)
        raise BlobsUnavailable("nothing answers")

    monkeypatch.setattr(world.landing, "identify", refused)
    done = await world.reconciler.run()

    assert len(asked) <= 100
    assert await proven(world, "crm") == timedelta(0)
    assert "sweep: nothing answers" in done.failures


async def test_claim_that_always_conflicts_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's changes of one entry are no sign that somebody else has the shard."""
    world = await active()
    world.landing.upload("landing/crm/a.csv")
    world.landing.upload("landing/crm/b.csv")
    world.clock.advance(HOUR)
    accept = world.intake.accept

    async def conflicting(arrival: Arrival, *args: object, **kwargs: object) -> object:
        if arrival.path == "crm/a.csv":
            raise LedgerConflict("Other writers kept changing the head.")
        return await accept(arrival, *args, **kwargs)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(world.intake, "accept", conflicting)
    done = await world.reconciler.run()

    assert done.rounds[0].round.concluded_at is not None
    assert len(world.databricks.runs) == 1
    assert await proven(world, "crm") == timedelta(hours=1) - timedelta(milliseconds=1)


async def test_quick_round_that_fails_leaves_the_deep_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of round is tried, whatever becomes of the other; the pass names the failure."""
    world = await active(SWEEP_DEEP_EVERY="1h")
    shards = world.rounds.shards

    async def failing(round_: object) -> object:
        if getattr(round_, "kind", "") == "quick":
            raise LedgerUnavailable("its partition is down")
        return await shards(round_)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(world.rounds, "shards", failing)
    done = await world.reconciler.run()

    assert any("its partition is down" in failure for failure in done.failures)
    deep = await world.rounds.current("deep")
    assert deep is not None
    assert deep.concluded_at is not None


async def test_queue_that_fails_while_a_round_ends_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round has been changed by somebody else when it is to be taken back from the queue."""
    world = await active(SWEEP_QUEUE_ABOVE="0")
    world.landing.upload("landing/crm/a.csv")
    world.clock.advance(HOUR)
    await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline())
    world.clock.advance(HOUR)

    async def overtaken(_messages: object) -> None:
        current = await world.rounds.current("quick")
        assert current is not None
        await world.rounds.save(current, listed=1)
        raise QueueUnavailable("Could not send to the queue.")

    monkeypatch.setattr(world.queue, "send", overtaken)
    done = await world.reconciler.run()

    assert not any("somebody" in failure.lower() or "row" in failure for failure in done.failures)


async def test_progress_too_long_for_a_row_keeps_what_counts() -> None:
    """Marks only make the next round's shards even; without them the row still holds where the sweep is."""
    world = await active()
    current = await world.rounds.current("quick")
    assert current is not None
    (shard, *_) = await world.rounds.shards(current)
    digits = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(150_000))
    marks = tuple(digits[start : start + 1000] for start in range(0, len(digits), 1000))
    progress = ShardProgress(cursor="here", listings=(ListingProgress(listed=5, marks=marks),), left={"crm": START})
    await world.rounds.save_shard(shard, progress=progress)
    (found, *_) = await world.rounds.shards(current)

    assert found.progress == replace(progress, listings=(ListingProgress(listed=5),))


async def test_changed_settings_do_not_hide_a_failed_listing() -> None:
    """A round that was planned otherwise proves only what it has listed in the places of today."""
    dated = RULES.replace("landing/crm/", "landing/crm/{date:%Y-%m-%d}/")
    world = await active(dated, SWEEP_DEEP_EVERY="1h")
    world.landing.upload("landing/crm/2026-01-01/lost.csv")
    world.clock.advance(HOUR)
    world.landing.failing.add("landing")
    for _ in range(2):
        await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline())
    changed = World(dated.replace("crm/{date:%Y-%m-%d}", "crm/{date:%Y-%m-%d}"), SWEEP_DEEP_EVERY="1h")
    assert changed is not None
    current = await world.rounds.current("deep")
    assert current is not None
    for shard in await world.rounds.shards(current):  # as another plan would have written them
        places = tuple((container, prefix + "2") for container, prefix in shard.listings)
        await world.rounds.save_shard(shard, listings=places)
    for _ in range(3):
        await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline())

    assert await proven(world, "crm") == timedelta(0)


async def test_long_deep_round_keeps_the_ledger_from_forgetting() -> None:
    """A round that stood still for days still looks back over the retention from its beginning: nothing of it goes."""
    world = World(RULES, LEDGER_RETENTION="4d", SWEEP_DEEP_EVERY="24h")
    await world.reconciler.run()
    world.clock.advance(MINUTE)
    await world.drop("landing/crm/a.csv")
    (run_id,) = world.databricks.runs
    world.databricks.end(run_id, Verdict.SUCCEEDED)
    for _ in range(3):
        world.clock.advance(DAY)
        await world.reconciler.run()
    world.clock.advance(DAY)
    world.landing.page_size = 1
    world.landing.upload("landing/crm/0.csv")
    pages = world.landing.pages

    async def dead(*args: str, **kwargs: str) -> AsyncIterator[Page]:
        raise LedgerUnavailable("the process dies here")
        async for page in pages(*args, **kwargs):
            yield page

    world.landing.pages = dead  # type: ignore[assignment, method-assign]  # a deep round begins, and stands still
    await world.reconciler.run()
    world.landing.pages = pages  # type: ignore[method-assign]
    current = await world.rounds.current("deep")
    assert current is not None
    assert current.concluded_at is None
    world.clock.advance(5 * DAY)
    await world.bookkeeping.save_standings(
        [
            replace(standing, low_watermark=world.clock.now() - timedelta(hours=1))
            for standing in (await world.bookkeeping.standings()).values()
        ]
    )
    await world.pruner.prune(await world.bookkeeping.standings(), world.deadline())
    world.restart(RULES)
    await world.reconciler.run()

    assert [run for run in world.databricks.runs if run == run_id] == [run_id]
    entries = [entry for entry in await world.all_entries() if entry.arrival.path == "crm/a.csv"]
    assert len(entries) == 1
    assert len(world.databricks.runs) == 2
