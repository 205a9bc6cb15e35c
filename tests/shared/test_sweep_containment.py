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
    """Such as one encrypted with its sender's own key: later pages are listed, and only the proof is held up."""
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
    world = await active()
    for name in ("crm/1", "crm/2", "erp/1", "erp/2"):
        world.landing.upload(f"landing/{name}.csv")
    world.clock.advance(HOUR)
    world.landing.page_size = 1
    await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline(0))
    current = await world.rounds.current("quick")
    assert current is not None
    for shard in await world.rounds.shards(current):  # as another plan would have written them
        elsewhere = (("landing", "crm/2026/"),) if shard.listings == (("landing", "crm/"),) else shard.listings
        await world.rounds.save_shard(shard, listings=elsewhere, progress=ShardProgress(), is_done=False)
    world.landing.failing.add("landing")
    await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline())

    assert await proven(world, "crm") == timedelta(0)


async def test_long_deep_round_keeps_the_ledger_from_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that stood still for days looks back over the retention from its beginning: nothing of that goes."""
    world = World(RULES, LEDGER_RETENTION="4d", SWEEP_DEEP_EVERY="24h")
    await world.reconciler.run()
    world.clock.advance(MINUTE)
    await world.drop("landing/crm/a.csv")
    (run_id,) = world.databricks.runs
    world.databricks.end(run_id, Verdict.SUCCEEDED)
    for _ in range(2):
        world.clock.advance(DAY)
        await world.reconciler.run()
    world.clock.advance(DAY)
    with monkeypatch.context() as dying:
        dying.setattr(world.landing, "pages", failing_pages)
        await world.reconciler.run()  # begins a deep round and dies
    world.clock.advance(5 * DAY)  # as does everything
    later = world.clock.now() - timedelta(hours=1)
    standings = await world.bookkeeping.standings()
    await world.bookkeeping.save_standings([replace(each, low_watermark=later) for each in standings.values()])
    await world.pruner.prune(await world.bookkeeping.standings(), world.deadline())
    world.restart(RULES)
    await world.reconciler.run()

    assert len(world.databricks.runs) == 1


async def failing_pages(*_args: str, **_options: str) -> AsyncIterator[Page]:
    """Let the ledger fail where a page should come."""
    if _args:
        raise LedgerUnavailable("the process dies here")
    yield Page(arrivals=(), server_time=START, cursor="")


async def test_ten_thousand_rules_are_activated_in_a_hundred_calls() -> None:
    """The first pass after a large change of rules must not spend its time on writing down one rule after the other."""
    world = World()
    names = [f"rule-{number}" for number in range(1_050)]
    earlier = await world.bookkeeping.activate("rule-3", START - timedelta(days=1))
    calls = world.table.calls
    activated = await world.bookkeeping.activate_all(names, START)

    assert list(activated) == names
    assert activated["rule-3"] == earlier
    assert activated == await world.bookkeeping.standings()
    assert world.table.calls - calls < 11 + 2 * 100 + 5
