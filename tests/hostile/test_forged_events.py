"""Who holds the key of the webhook may send any event: a job may start in vain, no file is lost or run twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from shared.model import Result, State, Verdict
from tests.fakes.world import World, event_body
from tests.hostile.corpus import event
from tests.hostile.test_name_doors import VERBATIM

FORGED = {"sequencer": "f" * 48, "eTag": "0xFORGED"}


@pytest.fixture
async def world() -> World:
    """Return a service whose rule has been active for a minute."""
    world = World(VERBATIM)
    await world.reconciler.run()
    world.clock.advance(60)
    return world


async def forge(world: World, **changes: object) -> None:
    """Deliver an event that storage has not sent, about landing/crm/a.csv."""
    told = {"eventTime": world.clock.now().isoformat()} | changes
    await world.intake.receive(json.dumps([event(**told)]), world.deadline())


async def passes(world: World, count: int = 3) -> None:
    """Let some time pass, with a pass of the timer every five minutes."""
    for _ in range(count):
        world.clock.advance(300)
        await world.reconciler.run()


async def test_forged_sequencer_loses_no_file(world: World) -> None:
    """An event that claims to be the newest for ever makes real ones look old; the sweep sees what is there."""
    await forge(world, id="forged", data=FORGED)
    world.clock.advance(60)
    real = world.landing.upload("landing/crm/a.csv")
    await world.intake.receive(event_body(real), world.deadline())

    await passes(world)

    states = {entry.arrival.version: entry.state for entry in await world.all_entries()}
    assert states[real.version] is State.SUBMITTED


async def test_forged_time_runs_a_file_once(world: World) -> None:
    """An event that says that a file is years old is looked up; neither a sweep nor pruning runs it again."""
    real = world.landing.upload("landing/crm/a.csv")
    assert real.version is not None
    await forge(world, id="forged", eventTime="2017-06-01T00:00:00Z", data={"eTag": real.version})
    for run_id in list(world.databricks.runs):
        world.databricks.end(run_id, Verdict.SUCCEEDED)
    await world.intake.receive(event_body(real), world.deadline())

    await passes(world)
    (entry,) = await world.all_entries()
    world.clock.advance(timedelta(days=150).total_seconds())
    await passes(world)
    pruned = await world.pruner.prune(await world.bookkeeping.standings(), world.deadline(60))
    await passes(world)

    assert entry.result is Result.SUCCEEDED
    assert pruned.totals()["entries"] + len(await world.all_entries()) <= 1
    assert len(world.databricks.runs) == 1


async def test_event_before_its_file_loses_no_file(world: World) -> None:
    """A job that was started in vain for a file to come does not stand in the way of the file."""
    await forge(world, id="forged", data={"eTag": "0xEARLY"})

    await world.intake.receive(event_body(world.landing.upload("landing/crm/a.csv")), world.deadline())

    assert [entry.state for entry in await world.all_entries()] == [State.SUBMITTED] * 2


async def test_events_of_files_that_are_not_there_hold_up_nothing(world: World) -> None:
    """Late events and those without an ETag are looked up: many of them start nothing, and none is asked twice."""
    late = {"eventTime": (world.clock.now() - timedelta(hours=2)).isoformat()}
    for number in range(20):
        name = f"/blobServices/default/containers/landing/blobs/{number}"
        await forge(world, id=f"e{number}", subject=name, data={"eTag": None})
        await forge(world, id=f"late{number}", subject=f"{name}-late", **late)
    world.landing.upload("landing/crm/real.csv")

    await passes(world)

    results = [entry.result for entry in await world.all_entries()]
    assert results.count(Result.VANISHED) == 20
    assert len(world.databricks.runs) == 1
    assert (await world.status.read(timedelta(hours=24))).as_json()
