"""Events of renames tell no version: whenever they come, they speak of what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.model import Result, State
from tests.fakes.world import World

MINUTE, PLACE = 60.0, "landing/crm/a.csv"


@pytest.mark.parametrize("has_sequencers", [True, False])
async def test_old_event_of_a_rename_closes_nothing_that_is_there(has_sequencers: bool) -> None:  # noqa: FBT001 - by name
    """A rename's event that comes after others have written the file speaks of the version that is there now."""
    world = World()
    world.landing.upload("landing/stage/a.csv")
    renamed = world.landing.rename("landing/stage/a.csv", PLACE)
    world.clock.advance(MINUTE)
    uploads = []
    for number in range(2):
        world.clock.advance(MINUTE)
        uploads.append(world.landing.upload(PLACE, f"{number}".encode()))
    events = [renamed, *uploads]
    if has_sequencers:
        events = [replace(event, sequencer=f"{number:032x}") for number, event in enumerate(events)]
    await world.deliver(events[1])

    await world.deliver(events[0])

    (after,) = [entry for entry in await world.all_entries() if entry.arrival.version == uploads[1].version]
    assert after.state is State.SUBMITTED


async def test_file_that_was_superseded_and_is_moved_back_runs() -> None:
    """What was not there when its job was to be started is opened again by the event of its coming back."""
    world = World()
    del world.databricks.jobs["ETL"]
    arrival = world.landing.upload(PLACE)
    await world.deliver(arrival)
    world.landing.rename(PLACE, "landing/elsewhere.csv")
    world.landing.upload(PLACE, b"another")
    world.databricks.jobs["ETL"] = 7
    world.clock.advance(10 * MINUTE)
    await world.redriver.redrive(await world.redriver.due(["crm"]), world.deadline())
    before = await world.only_entry()
    back = world.landing.rename("landing/elsewhere.csv", PLACE)

    await world.deliver(back)

    assert before.result is Result.SUPERSEDED
    assert (await world.only_entry()).state is State.SUBMITTED
